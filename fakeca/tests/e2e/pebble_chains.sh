#!/usr/bin/env bash
# PEBBLE_ALTERNATE_ROOTS and PEBBLE_CHAIN_LENGTH: Debian's pebble and `fakeca pebble` serve the same chains, CA certificates and keys.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

ln -s "$fakeca" "$work/pebble"
export PEBBLE_VA_ALWAYS_VALID=1

# ask SIDE PROGRAM ROOTS: $work/SIDE.txt
ask() {
    pebble_config "$1"
    start_pebble "$1" "$2" --
    "$python" "$(dirname "$0")/programs/chains_ask.py" "$pebble_directory" "$pebble_management" "$3" >"$work/$1.txt" 2>"$work/$1.ask.log" ||
        fail "the requests to $1 end with $?"
    kill "$pebble_pid"
}

PEBBLE_ALTERNATE_ROOTS=2 PEBBLE_CHAIN_LENGTH=3 ask theirs pebble 3
PEBBLE_ALTERNATE_ROOTS=2 PEBBLE_CHAIN_LENGTH=3 ask ours "$work/pebble" 3
diff "$work/theirs.txt" "$work/ours.txt" >"$work/difference.log" || fail "the answers differ"
[ "$(grep -c '^chain' "$work/ours.txt")" -eq 6 ] || fail "not three chains"
! grep -q False "$work/ours.txt" || fail "a chain is not what it should be"
for n in 1 2; do
    for side in theirs ours; do
        said "$work/$side.log" "Alternate ($n) root CA certificate available at: https://127.0.0.1:[0-9]*/roots/$n" ||
            fail "the log of $side does not name the alternate root $n"
    done
done

# as many as it goes
PEBBLE_ALTERNATE_ROOTS=15 PEBBLE_CHAIN_LENGTH=1 ask many "$work/pebble" 16
[ "$(grep -c '^chain .* certificates 2 alternates \[[0-9, ]*\]$' "$work/many.txt")" -eq 16 ] || fail "not sixteen chains"
! grep -q False "$work/many.txt" || fail "one of sixteen chains is not what it should be"
