# SPDX-License-Identifier: Apache-2.0
# What a server does when it boots: the words that compiled user data is written in. Every word works with any POSIX
# shell and busybox. The lines after it (made by user_data.compile) use them.
here=/run/samovar
cloud=/var/lib/cloud
umask 022

uptime_seconds() {
    read -r now _ </proc/uptime
    # Hundredths: the shell has no fractions.
    passed=$((${now%.*} * 100 + 1${now#*.} - 100 - began))
    printf '%d.%02d' $((passed / 100)) $((passed % 100))
}

say() { printf '[%8s] cloud-init: %s\n' "$(uptime_seconds)" "$*"; }
warn() { say "WARNING: $*"; }

# once NAME: true the first time in the life of this instance (a mark is left before the work, as cloud-init does).
once() {
    [ -e "$cloud/instance/sem/$1" ] && return 1
    : >"$cloud/instance/sem/$1"
}

# place FILE PATH MODE OWNER append|write: put a prepared file where it belongs.
place() {
    case $2 in */*) folder=${2%/*} ;; *) folder=. ;; esac
    [ -d "$folder/" ] || mkdir -p "$folder" || return
    if [ "$5" = write ] && [ ! -e "$2" ] && [ ! -L "$2" ] && [ ! -g "$folder/" ]; then
        # A file that is new is root's, and has the mode that it is made with: a program less for each of these.
        case $3 in 0600) mask=077 ;; *) mask=022 ;; esac
        (umask $mask && exec cat "$here/files/$1" >"$2") || { warn "cannot write $2"; return 1; }
        case $3 in 0600 | 0644 | "") ;; *) chmod "$3" "$2" || warn "cannot give $2 the mode $3" ;; esac
        case $4 in "" | root:root) return ;; esac
        chown "$4" "$2" 2>/dev/null || warn "cannot give $2 to $4: no such user or group"
        return
    elif [ "$5" = append ]; then
        cat "$here/files/$1" >>"$2" || { warn "cannot append to $2"; return 1; }
    else
        [ -L "$2" ] && rm -f "$2"
        cat "$here/files/$1" >"$2" || { warn "cannot write $2"; return 1; }
    fi
    [ -z "$3" ] || chmod "$3" "$2" || warn "cannot give $2 the mode $3"
    [ -z "$4" ] || chown "$4" "$2" 2>/dev/null || warn "cannot give $2 to $4: no such user or group"
}

# script FILE NAME: run a prepared script from where cloud-init would run it.
script() {
    mkdir -p "$cloud/instance/scripts"
    cat "$here/files/$1" >"$cloud/instance/scripts/$2"
    chmod 0700 "$cloud/instance/scripts/$2"
    say "running $2"
    (cd / && exec "$cloud/instance/scripts/$2")
    code=$?
    [ "$code" -eq 0 ] || failed "$2" "$code"
}

# standing_scripts: what lies in the scripts folders, as cloud-init runs it: per-boot each time, the others once.
standing_scripts() {
    for kind in per-once per-boot per-instance; do
        [ -d "$cloud/scripts/$kind" ] || continue
        [ "$kind" = per-boot ] || once "scripts_$kind" || continue
        for each in "$cloud/scripts/$kind"/*; do
            [ -x "$each" ] && [ -f "$each" ] || continue
            say "running $kind/${each##*/}"
            (cd / && exec "$each") || failed "$kind/${each##*/}" "$?"
        done
    done
}

failed() {
    warn "Failed to run $1: exit code $2"
    printf '%s: exit code %s\n' "$1" "$2" >>"$cloud/instance/failures"
}

# command_list NAME FILE: run prepared shell text (runcmd, bootcmd, a boothook).
command_list() {
    say "running $1"
    chmod 0700 "$here/files/$2"
    (
        cd / || exit
        export INSTANCE_ID="$instance"
        case $(head -c 2 "$here/files/$2") in
        '#!') exec "$here/files/$2" ;;
        *) exec /bin/sh "$here/files/$2" ;;
        esac
    )
    code=$?
    [ "$code" -eq 0 ] || failed "$1" "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }
home_of() { sed -n "s|^$1:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*|\1|p" /etc/passwd; }

# user NAME GECOS HOME SHELL PRIMARY GROUPS SYSTEM(yes|) NOHOME(yes|) UID
user() {
    if grep -q "^$1:" /etc/passwd; then
        say "user $1 exists"
    elif have useradd; then
        set -- "$1" "$2" "${3:-/home/$1}" "${4:-/bin/sh}" "$5" "$6" "$7" "$8" "$9"
        [ -z "$5" ] || grep -q "^$5:" /etc/group || groupadd "$5"
        useradd -c "$2" -d "$3" -s "$4" ${5:+-g "$5"} ${7:+-r} ${9:+-u "$9"} "$([ -n "$8" ] && echo -M || echo -m)" \
            "$1" || { warn "cannot make the user $1"; return 1; }
    elif have adduser; then
        adduser -D -g "$2" -h "${3:-/home/$1}" -s "${4:-/bin/sh}" ${5:+-G "$5"} ${7:+-S} ${8:+-H} ${9:+-u "$9"} "$1" ||
            { warn "cannot make the user $1"; return 1; }
    else
        warn "cannot make the user $1: the image has neither useradd nor adduser"
        return 1
    fi
    name=$1
    for group in $(printf '%s' "$6" | tr ',' ' '); do group_member "$group" "$name"; done
}

group() { grep -q "^$1:" /etc/group || groupadd "$1" 2>/dev/null || addgroup "$1" || warn "cannot make the group $1"; }

group_member() {
    group "$1"
    if have usermod; then
        usermod -aG "$1" "$2" || warn "cannot put $2 into the group $1"
    else
        addgroup "$2" "$1" || warn "cannot put $2 into the group $1"
    fi
}

# authorize USER FILE: let the owners of the prepared public keys log in.
authorize() {
    home=$(home_of "$1")
    [ -n "$home" ] || { warn "no user $1 for the SSH keys"; return 1; }
    mkdir -p "$home/.ssh"
    while IFS= read -r key; do
        grep -qxF -e "$key" "$home/.ssh/authorized_keys" 2>/dev/null ||
            printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
    done <"$here/files/$2"
    chmod 0700 "$home/.ssh"
    chmod 0600 "$home/.ssh/authorized_keys"
    chown -R "$1" "$home/.ssh"
}

# passwords FILE [-e]: "user:password" lines, -e when they are hashes.
passwords() {
    if have chpasswd; then
        chpasswd ${2:+"$2"} <"$here/files/$1" || warn "cannot set passwords"
    else
        warn "cannot set passwords: the image has no chpasswd"
    fi
}

# default_user [NAME]: the user that images of this kind give to people (debian, ubuntu, …), made when missing.
default_user() {
    default=$1
    if [ -z "$default" ]; then
        default=cloud
        # shellcheck disable=SC1091
        [ -r /etc/os-release ] && default=$(. /etc/os-release && printf '%s' "${ID:-cloud}")
        case $default in opensuse*) default=opensuse ;; rhel) default=cloud-user ;; esac
    fi
    shell=/bin/sh
    [ -x /bin/bash ] && shell=/bin/bash
    grep -q "^$default:" /etc/passwd && return
    user "$default" "Default user" "" "$shell" "" "" "" "" "" && have sudo && sudo_rule "$default" "ALL=(ALL) NOPASSWD:ALL"
}

# default_password FILE [-e]
default_password() {
    printf '%s:%s\n' "$default" "$(cat "$here/files/$1")" >"$here/files/$1.user"
    passwords "$1.user" "$2"
    rm -f "$here/files/$1.user"
}

lock_password() { passwd -l "$1" >/dev/null 2>&1 || warn "cannot lock the password of $1"; }

sudo_rule() {
    mkdir -p /etc/sudoers.d
    printf '%s %s\n' "$1" "$2" >>/etc/sudoers.d/90-cloud-init-users
    chmod 0440 /etc/sudoers.d/90-cloud-init-users
    have sudo || warn "the rule for $1 has no effect: the image has no sudo"
}

timezone() {
    if [ -e "/usr/share/zoneinfo/$1" ]; then
        printf '%s\n' "$1" >/etc/timezone
        ln -sf "/usr/share/zoneinfo/$1" /etc/localtime
    else
        warn "unknown time zone $1"
    fi
}

# name_server SHORT FULL: what the server calls itself, in the kernel (done by the host agent) and in its files.
name_self() {
    was=
    [ ! -r /etc/hostname ] || read -r was </etc/hostname
    [ "$was" = "$1" ] || printf '%s\n' "$1" >/etc/hostname
    read -r was </proc/sys/kernel/hostname
    [ "$was" = "$1" ] || hostname "$1" 2>/dev/null || warn "cannot set the host name to $1"
}

hosts_file() {
    names=$1
    [ "$2" = "$1" ] || names="$2 $1"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost ip6-loopback\n' "$names" >/etc/hosts
}

package_tool() {
    for tool in apt-get dnf yum zypper apk; do
        have "$tool" && { printf '%s' "$tool"; return; }
    done
}

# packages update|upgrade|install [NAMES…]: with what the image has; a repository out of reach is a warning.
packages() {
    action=$1
    shift
    tool=$(package_tool)
    export DEBIAN_FRONTEND=noninteractive
    say "packages: $action $*"
    case "$tool $action" in
    "apt-get update") apt-get -q -o Acquire::Retries=0 -o Acquire::http::Timeout=10 update ;;
    "apt-get upgrade") apt-get -q -y upgrade ;;
    "apt-get install") apt-get -q -y --no-install-recommends install "$@" ;;
    "apk install") apk add "$@" ;;
    "zypper install") zypper --non-interactive install "$@" ;;
    "zypper update") zypper --non-interactive refresh ;;
    "dnf update" | "yum update") "$tool" -q makecache ;;
    "dnf "* | "yum "*) "$tool" -y "$action" "$@" ;;
    "apk "*) apk "$action" ;;
    "zypper upgrade") zypper --non-interactive update ;;
    *)
        warn "packages: the image has no package tool"
        return 1
        ;;
    esac || {
        warn "packages: $tool could not $action $* (is a repository reachable from this server?)"
        return 1
    }
}

# A server has no init system that `poweroff` could talk to: tell the first process.
power_commands() {
    [ -x /usr/local/sbin/poweroff ] && return
    [ -d /usr/local/sbin/ ] || mkdir -p /usr/local/sbin
    printf '#!/bin/sh\nexec kill -TERM 1\n' >/usr/local/sbin/halt
    printf '#!/bin/sh\nexec kill -TERM 1\n' >/usr/local/sbin/poweroff
    printf '#!/bin/sh\nexec kill -INT 1\n' >/usr/local/sbin/reboot
    printf %s '#!/bin/sh
# shutdown [-h|-P|-r|-H] [now|+MINUTES] [MESSAGE…]
signal=TERM
while :; do
    case $1 in
    -r | --reboot) signal=INT ;;
    -c) echo "shutdown: nothing to cancel" >&2; exit 1 ;;
    -*) ;;
    *) break ;;
    esac
    shift
done
case ${1:-now} in
now | +0 | 0) kill -"$signal" 1 ;;
+[0-9]*) (sleep $((${1#+} * 60)) && kill -"$signal" 1) >/dev/null 2>&1 </dev/null & ;;
*) echo "shutdown: a time other than \"now\" or \"+MINUTES\" is not supported" >&2; exit 1 ;;
esac
' >/usr/local/sbin/shutdown
    commands="/usr/local/sbin/poweroff /usr/local/sbin/reboot /usr/local/sbin/shutdown /usr/local/sbin/halt"
}

# What people wait with: `cloud-init status [--wait]`. (An image's own cloud-init is not used, and would not work.)
status_command() {
    [ -e /usr/local/bin/cloud-init ] && return
    [ -d /usr/local/bin/ ] || mkdir -p /usr/local/bin
    printf %s '#!/bin/sh
[ "$1" = status ] || { echo "cloud-init: here there is only: cloud-init status [--wait]" >&2; exit 2; }
instance=/var/lib/cloud/instance
while [ "$2" = --wait ] && [ ! -e "$instance/boot-finished" ]; do sleep 0.2 2>/dev/null || sleep 1; done
[ -e "$instance/boot-finished" ] || { echo "status: running"; exit 0; }
[ -e "$instance/failures" ] && { echo "status: error"; exit 1; }
echo "status: done"
' >/usr/local/bin/cloud-init
    commands="$commands /usr/local/bin/cloud-init"
}

# secure_shell [keys-only]: when somebody has a key for this server and the image has a server for it.
secure_shell() {
    if [ -x /usr/sbin/dropbear ]; then
        mkdir -p /etc/dropbear
        /usr/sbin/dropbear -R -E ${1:+-s} && say "dropbear listens on port 22"
    elif [ -x /usr/sbin/sshd ]; then
        mkdir -p /run/sshd && chmod 0755 /run/sshd
        ssh-keygen -A >/dev/null && /usr/sbin/sshd ${1:+-o PasswordAuthentication=no} && say "sshd listens on port 22"
    else
        warn "SSH keys are in place, but the image has neither dropbear nor sshd"
    fi
}

# start INSTANCE NAME: everything that comes before the first stage.
start() {
    instance=$1
    read -r now _ </proc/uptime
    began=$((${now%.*} * 100 + 1${now#*.} - 100))
    read -r version </proc/version
    version=${version%% (*}
    printf '\n[%8s] Linux %s\n' 0.00 "${version#Linux version }"
    printf '[%8s] %s\n' 0.00 "$2"
    mkdir -p "$cloud/instances/$instance/sem"
    if [ -e "$cloud/instance" ] || [ -L "$cloud/instance" ]; then
        rm -rf "$cloud/instance"
    fi
    ln -s "instances/$instance" "$cloud/instance"
    [ ! -e "$cloud/instance/boot-finished" ] || rm -f "$cloud/instance/boot-finished"
    [ -k /tmp ] || chmod 1777 /tmp
    commands=
    power_commands
    status_command
    # shellcheck disable=SC2086
    [ -z "$commands" ] || chmod 0755 $commands
}

# software_agent FILE: let software deployments be applied, unless the image has an agent of its own.
software_agent() {
    if have os-collect-config; then
        say "this image's os-collect-config applies software deployments"
    elif have python3; then
        mkdir -p /usr/lib/samovar
        cat "$here/files/$1" >/usr/lib/samovar/software-agent
        (cd / && exec python3 -I /usr/lib/samovar/software-agent) &
    else
        warn "software deployments cannot be applied: the image has neither os-collect-config nor python3"
    fi
}

# cfn_commands FILE: cfn-init and cfn-signal where templates look for them, unless the image has its own.
cfn_commands() {
    if ! have python3; then
        have cfn-init || warn "the image has neither cfn-init and cfn-signal nor python3"
        return
    fi
    mkdir -p /usr/lib/samovar /opt/aws/bin
    for name in cfn-init cfn-signal; do
        if ! have $name; then
            cat "$here/files/$1" >/usr/lib/samovar/$name
            chmod 0755 /usr/lib/samovar/$name
            ln -sf ../lib/samovar/$name /usr/bin/$name
        fi
        [ -e /opt/aws/bin/$name ] || ln -sf "$(command -v $name)" /opt/aws/bin/$name
    done
}

# finish MESSAGE-FILE|"" : the last lines of a boot.
finish() {
    : >"$cloud/instance/boot-finished"
    if [ -n "$1" ]; then
        sed "s|\$UPTIME|$(uptime_seconds)|; s|\$TIMESTAMP|$(date -R 2>/dev/null || date)|; s|\$DATASOURCE|OpenStack|
            s|\$uptime|$(uptime_seconds)|; s|\$timestamp|$(date -R 2>/dev/null || date)|; s|\$datasource|OpenStack|" \
            "$here/files/$1"
    else
        printf 'Cloud-init (Samovar) finished at %s. Up %s seconds\n' "$(date -R 2>/dev/null || date)" "$(uptime_seconds)"
    fi
    pretty=Linux
    [ -r /etc/os-release ] && pretty=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-Linux}")
    read -r name </etc/hostname
    printf '\n%s %s console\n\n%s login: \n' "$pretty" "$name" "$name"
}
