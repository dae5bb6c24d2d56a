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

missing=""
for tool in curl ip nsenter; do command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"; done
case "$missing" in *curl*) apt_install curl ;; esac
case "$missing" in *ip*) apt_install iproute2 ;; esac
case "$missing" in *nsenter*) apt_install util-linux ;; esac

if [ $# -eq 0 ]; then
    set_clients
    "$venv/bin/ruff" check src tests benchmarks scripts
    "$venv/bin/ruff" format --check -q src tests benchmarks scripts
    "$venv/bin/mypy"
    "$venv/bin/lint-imports" --no-cache
    set -- tests
fi
[ -x "$clients/bin/openstack" ] || set_clients
export SAMOVAR_CLIENTS="$clients/bin"
"$venv/bin/python" -m pytest -p no:cacheprovider "$@"
