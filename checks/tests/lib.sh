# shellcheck shell=bash
# What the tests of the program share: source it.
#   CHECK          the program under test (ctest sets it)
#   CLIENT_TESTS   the folder of real setups

# shellcheck source=fakeca/tests/e2e/base_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../fakeca/tests/e2e/base_lib.sh"
# shellcheck disable=SC2034 # used by the tests
check=${CHECK:?the program under test} logs='*.txt'
chmod 755 "$work" # servers give up root
export TMPDIR=$work/tmp
mkdir -m 755 "$TMPDIR"

finish() {
    local status=$?
    trap - EXIT
    leave "$status"
}
trap finish EXIT

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
