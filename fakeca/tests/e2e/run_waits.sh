#!/usr/bin/env bash
# Waits under fakeca run: what lasts a second lasts a second, whatever the offset; a skip wakes who would be awake by now, and nobody
# else. 64-bit, static and 32-bit programs; under a tracer too.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need strace gcc busybox

start_ca
waits=$(compile clock_waits)
waits_static=$(compile clock_waits -static)
waits_32=$(compile clock_waits -m32)
kinds=$("$waits" | wc -l)

# all_last_a_second NAME COMMAND...
all_last_a_second() {
    local name=$1
    shift
    "$@" >"$work/waits.out" 2>"$work/waits.log" || fail "$name: $*"
    awk -v name="$name" '$2 < 800 || $2 > 1400 { print name ": " $0 " ms"; bad = 1 } END { exit bad }' "$work/waits.out" >"$work/bad.log" ||
        fail "waits that do not last what they should"
    same "$(wc -l <"$work/waits.out")" "$kinds" "$name: waits that ended"
}
for offset in 0d 60d -120d; do
    ca clock advance "$offset" >/dev/null
    all_last_a_second "wall $offset" run -- "$waits"
    all_last_a_second "all $offset" run --monotonic -- "$waits"
done
all_last_a_second "static" run --monotonic -- "$waits_static"
all_last_a_second "32-bit" run --monotonic -- "$waits_32"
all_last_a_second "traced" run -- strace -f -o /dev/null "$waits"
ca clock freeze >/dev/null
all_last_a_second "frozen" run -- "$waits"
ca clock follow >/dev/null

# ---- sleepers of twelve hours: 6 h + 5 h + 2 h wake each of them at the third skip, and none before

sleepers=$(compile clock_sleepers)
names=(alarm cond nanosleep-until poll select sigtimedwait sleep timer timerfd timerfd-shared timerfd-until)
awake() { sort "$1" | tr '\n' ' '; }
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
asleep() { # PID of the front: all children of its program are in their waits
    local program
    program=$(pgrep -P "$(pgrep -P "$1")") || return 1
    [ "$(pgrep -c --runstates S -P "$program")" -eq ${#names[@]} ]
}
# several at once, each with its own supervisor: an early wake-up was one in a dozen (T44). They begin at offset 0: who waits for a date
# then has nothing to be translated, and must be found all the same (T45)
rounds=6
sleeping_round() {
    local i fronts=()
    ca clock reset >/dev/null
    for ((i = 0; i < rounds; i++)); do
        run_background -- "$sleepers" >"$work/sleepers$i.out" 2>"$work/sleepers.log"
        fronts+=($!)
    done
    run_background -- "$sleepers_32" >"$work/sleepers32.out" 2>"$work/sleepers.log"
    fronts+=($!)
    for ((i = 0; i <= rounds; i++)); do
        wait_for 20 asleep "${fronts[i]}" || fail "the sleepers do not sleep"
    done
    ca clock advance 6h >/dev/null
    ca clock advance 5h >/dev/null
    wait_for 1 lines "$work/sleepers0.out" 2 && fail "somebody woke early: $(awake "$work/sleepers0.out")"
    ca clock advance -1h >/dev/null # back: wakes nobody, and what is left grows for those who wait for a date
    for ((i = 0; i < rounds; i++)); do
        same "$(awake "$work/sleepers$i.out")" "started " "somebody woke early, at 11 of 12 hours"
    done
    same "$(awake "$work/sleepers32.out")" "started " "somebody of the 32-bit ones woke early"
    ca clock advance 150m >/dev/null
    for ((i = 0; i < rounds; i++)); do
        wait_for 10 lines "$work/sleepers$i.out" $((${#names[@]} + 1)) || fail "asleep after 13 of 12 hours; awake are: $(awake "$work/sleepers$i.out")"
    done
    # armed timers of 32-bit programs keep their length: a named limit
    wait_for 10 lines "$work/sleepers32.out" 7 || fail "32-bit, asleep after 13 of 12 hours; awake are: $(awake "$work/sleepers32.out")"
    same "$(awake "$work/sleepers32.out")" "cond nanosleep-until poll select sigtimedwait sleep started " "32-bit sleepers that are awake"
    kill -TERM "${fronts[rounds]}"
    wait "${fronts[@]}" 2>/dev/null || true
}
sleepers_32=$(compile clock_sleepers -m32)
sleeping_round

# with --no-wake only those who wait for a date see it come
no_wake() {
    local out=$work/no-wake.out pid
    run_background --no-wake -- "$sleepers" >"$out" 2>"$work/no-wake.log"
    pid=$!
    wait_for 10 grep -q started "$out" || fail "no sleepers"
    wait_for 10 asleep "$pid" || fail "the sleepers do not sleep"
    ca clock advance 1d >/dev/null
    wait_for 5 grep -q cond "$out" || fail "an absolute wait was not ended by a skip over it"
    wait_for 5 grep -q nanosleep-until "$out" || fail "an absolute sleep was not ended by a skip over it"
    same "$(grep -cE '^(sleep|poll|select|alarm|timer|sigtimedwait)$' "$out")" 0 "relative sleepers awake with --no-wake"
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null || true
}
no_wake

# ---- programs that look at the monotonic clock sleep on by default, and wake with --monotonic

wakes() { # SECONDS OPTION... -- COMMAND...: whether it ends when twelve hours are skipped
    local within=$1 out=$work/wakes.out pid ended=0
    shift
    run_background "$@" >"$out" 2>"$work/wakes.log"
    pid=$!
    wait_for 20 grep -q ready "$out" || fail "does not start: $*"
    ca clock advance 13h >/dev/null
    wait_for "$within" grep -q 'done' "$out" || ended=1
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    return $ended
}
# the file is written when the program is about to sleep: the skip comes when it does
python='import time; print("ready", flush=True); time.sleep(43200); print("done", flush=True)'
javascript='setTimeout(() => console.log("done"), 43200000); console.log("ready")'
wakes 2 -- python3 -c "$python" && fail "python's sleep woke without --monotonic: update the documentation"
wakes 10 --monotonic -- python3 -c "$python" || fail "python sleeps on with --monotonic"
wakes 10 --monotonic -- node -e "$javascript" || fail "node sleeps on with --monotonic"
wakes 10 -- sh -c 'echo ready; sleep 12h; echo done' || fail "sleep does not wake"
wakes 10 -- busybox sh -c 'echo ready; busybox sleep 43200; echo done' || fail "busybox's sleep does not wake"
wakes 10 -- sh -c 'echo ready; timeout 12h sleep 100d; echo done' || fail "timeout does not wake"
wakes 10 -- perl -e '$|=1; print "ready\n"; select(undef, undef, undef, 43200); print "done\n"' || fail "perl's select does not wake"
