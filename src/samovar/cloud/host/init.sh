#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of a server: carries the console, runs the boot script, reaps, and ends the server cleanly.
#   SIGTERM, SIGUSR1, SIGUSR2 (busybox halt, poweroff): power off      SIGINT (ctrl-alt-del): reboot
# Why it ended stands in /run/samovar/exit, where the host agent reads it.
here=/run/samovar

carry_console() {
    # Whoever writes to /dev/console writes to a pipe; this carries it to the log. It outlives the others.
    (
        trap '' TERM INT HUP USR1 USR2
        exec cat </dev/console
    ) &
    carrier=$!
}

others() {
    for process in /proc/[0-9]*; do
        case ${process#/proc/} in
        1 | "$carrier") ;;
        *)
            { read -r line <"$process/stat"; } 2>/dev/null || continue
            case ${line##*) } in
            Z* | X*) ;;
            *) return 0 ;;
            esac
            ;;
        esac
    done
    return 1
}

end() {
    trap '' TERM INT HUP USR1 USR2
    printf '%s\n' "$1" >"$here/exit"
    printf '[  OK  ] Stopping all processes (%s).\n' "$1"
    kill -TERM -1 2>/dev/null
    rounds=0
    while [ "$rounds" -lt 80 ] && others; do
        sleep 0.05 2>/dev/null || sleep 1
        rounds=$((rounds + 1))
    done
    for process in /proc/[0-9]*; do
        case ${process#/proc/} in
        1 | "$carrier") ;;
        *) kill -KILL "${process#/proc/}" 2>/dev/null ;;
        esac
    done
    printf '[  OK  ] Reached target: %s.\n' "$1"
    exec >/dev/null 2>&1
    wait "$carrier"
    exit 0
}

trap 'end poweroff' TERM USR1 USR2
trap 'end reboot' INT
trap : HUP
carry_console
exec >/dev/console 2>&1
/bin/sh "$here/boot" </dev/null &
while :; do
    wait "$carrier"
    kill -0 "$carrier" 2>/dev/null || carry_console
done
