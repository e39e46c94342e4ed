# shellcheck shell=bash
# What every test script needs, those of the examiner too: a folder of its own ($work), waiting for an event, a free port, and an end
# that keeps the files of a test that failed. Source it, and name in `logs` which files in $work tell why.

set -euo pipefail
export LC_ALL=C.UTF-8
PATH=/usr/sbin:/sbin:$PATH
work=$(mktemp -d)
logs='*.log'

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    local log
    for log in "$work"/$logs; do
        [ -s "$log" ] || continue
        printf -- '--- %s\n' "${log##*/}" >&2
        tail -n 40 "$log" >&2
    done
    exit 1
}

# leave STATUS: ends the test; its folder goes when all was well
leave() {
    if [ "$1" -eq 0 ]; then
        rm -rf "$work"
        echo "ok"
    else
        echo "the files of the test are in $work" >&2
    fi
    exit "$1"
}

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
    local until=$((SECONDS + $1))
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.05
    done
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}
