# SPDX-License-Identifier: Apache-2.0
# Everything that must hold, in the order of how fast it fails. Sourced by ./samovar test, which gives
# $here, $venv, say, apt_install and requirements; arguments go to pytest.
cd "$here"

clients=$here/.venv-clients
# shellcheck disable=SC2046
set_clients() {
    wanted=$(requirements clients)
    if [ ! -x "$clients/bin/openstack" ] || [ "$(cat "$clients/.installed" 2>/dev/null)" != "$wanted" ]; then
        say "installing the command-line clients that the tests drive, in $clients"
        "$venv/bin/python" -m venv "$clients"
        "$clients/bin/python" -m pip install -q --disable-pip-version-check $(requirements clients) 2>"$clients/pip.log" || {
            tail -n 5 "$clients/pip.log" >&2
            exit 1
        }
        printf '%s\n' "$wanted" >"$clients/.installed"
    fi
}

# tool:package — what the tests call beside the program.
for need in curl:curl ip:iproute2 nsenter:util-linux busybox:busybox-static dropbear:dropbear-bin mkfs.ext4:e2fsprogs rsync:rsync systemd-analyze:systemd; do
    command -v "${need%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${need%%:*}" ] || apt_install "${need#*:}"
done

# Servers that the tests start themselves, on ports and folders of their own: Debian's packages would start
# theirs when they are installed, so they are told not to.
quietly_install() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ] || [ "$(id -u)" != 0 ]; then
        apt_install "$@"
    else
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        (apt_install "$@") || { rm -f "$policy"; exit 1; }
        rm -f "$policy"
    fi
}

# file:package
for need in /usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server /usr/lib/postgresql:postgresql \
    /usr/sbin/mariadbd:mariadb-server /usr/bin/redis-server:redis-server /usr/bin/memcached:memcached \
    /usr/lib/galera/libgalera_smm.so:galera-4 /usr/bin/rsync:rsync; do
    [ -e "${need%%:*}" ] || quietly_install "${need#*:}"
done

if [ $# -eq 0 ]; then
    set_clients
    "$venv/bin/ruff" check src tests benchmarks scripts
    "$venv/bin/ruff" format --check -q src tests benchmarks scripts
    "$venv/bin/mypy"
    "$venv/bin/lint-imports" --no-cache
    # Two at a time: each file's tests stay together, and those that take long come first (tests/conftest.py).
    set -- -n 2 --dist loadfile --no-loadscope-reorder tests
fi
[ -x "$clients/bin/openstack" ] || set_clients
export SAMOVAR_CLIENTS="$clients/bin"
"$venv/bin/python" -m pytest -p no:cacheprovider "$@"
