# shellcheck shell=bash
# What the tests of the program share: source it.
#   CHECK          the program under test (ctest sets it)
#   CLIENT_TESTS   the folder of real setups

set -euo pipefail
export LC_ALL=C.UTF-8
PATH=/usr/sbin:/sbin:$PATH
# shellcheck disable=SC2034 # used by the tests
check=${CHECK:?the program under test}
work=$(mktemp -d)
chmod 755 "$work" # servers give up root
export TMPDIR=$work/tmp
mkdir -m 755 "$TMPDIR"

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    for log in "$work"/*.txt; do
        [ -s "$log" ] || continue
        printf -- '--- %s\n' "${log##*/}" >&2
        tail -n 60 "$log" >&2
    done
    exit 1
}

finish() {
    local status=$?
    trap - EXIT
    if [ "$status" -eq 0 ]; then
        rm -rf "$work"
        echo "ok"
    else
        echo "the files of the test are in $work" >&2
    fi
    exit "$status"
}
trap finish EXIT

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

# expect CODE COMMAND...: the command ends with this code; its output is in $work/out.txt
expect() {
    local code=$1 got=0
    shift
    "$@" >"$work/out.txt" 2>&1 || got=$?
    [ "$got" -eq "$code" ] || fail "exit code $got, not $code: $*"
}
says() { grep -qF -- "$1" "$work/out.txt" || fail "it does not say: $1"; }

# everything about a folder that must be as before
picture() { (cd "$1" && find . -printf '%p %y %m %s %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort); }
# result ID: of the JSON report $work/report.json
result() { jq -r --arg id "$1" '.checks[] | select(.id == $id) | .result' "$work/report.json"; }
is() { [ "$(result "$1")" = "$2" ] || fail "$1 is $(result "$1"), not $2"; }
# processes whose command line or working folder has to do with the test
nothing_left() { [ -z "$(left_over)" ]; }
left_over() { pgrep -f -- "$work/" | grep -vx "$$" || true; }
