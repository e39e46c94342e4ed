#!/usr/bin/env bash
# Pitfalls of moving clocks that no other test provokes, by their numbers in the reference page (tests/timeshift/pitfalls.tsv is the list),
# what is not shifted (as such), and what the CA's end means for a run.
# shellcheck disable=SC2016 # the shells inside expand
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need gcc python3 openssl

start_ca
ca clock advance 60d >/dev/null
offset=5184000
clock=$(run_json clock_file)
odd=$(compile clock_odd)
shifted() { near "$1" $(($(real_now) + offset)) $(($(real_now) + offset)) "$2"; }

# ---- T34: other loaders

shifted "$(run -- /lib64/ld-linux-x86-64.so.2 "$(command -v date)" +%s)" "T34: a program by its loader"
printf '%s\n' '#include <stdio.h>' '#include <time.h>' 'int main(void) { printf("%ld", (long)time(NULL)); }' >"$work/pie.c"
gcc -static-pie -o "$work/pie" "$work/pie.c" 2>"$work/compile.log" || fail "gcc -static-pie"
shifted "$(run -- "$work/pie")" "T34: static-pie"

# ---- T35: the page at a fixed address, where the kernel still has it

if "$odd" old-page >/dev/null 2>&1; then
    shifted "$(run -- "$odd" old-page)" "T35: the vsyscall page"
else
    echo "skip: T35 (this kernel has no vsyscall page)"
fi

# ---- T36, T37: what a skip does not reach, as such

around_skip() { # WAY: what it prints after a skip of an hour
    local out=$work/around.out
    mkfifo "$work/go"
    exec 3<>"$work/go"
    run_background -- sh -c "exec '$odd' $1 <'$work/go'" >"$out" 2>"$work/odd.log"
    local pid=$!
    wait_for 10 grep -q ready "$out" || fail "$1 does not start"
    ca clock advance 1h >/dev/null
    offset=$((offset + 3600))
    echo >&3
    wait "$pid" || fail "$1 ends badly"
    exec 3>&-
    rm "$work/go"
    tail -n 1 "$out"
}
same "$(around_skip cancel-on-set)" fired "T36: TFD_TIMER_CANCEL_ON_SET (if it is cancelled now: update the documentation)"
same "$(around_skip counter)" real "T37: rdtsc"
offset=$((5184000 + 7200)) # the subshells' own

# ---- T24, T25: files and processes keep real times

run -- touch "$work/written"
near "$(stat -c %Y "$work/written")" "$(real_now)" "$(real_now)" "T24: the time of a file that was written"
age=$(run -- sh -c "echo \$((\$(date +%s) - \$(stat -c %Y '$work/written')))")
near "$age" "$offset" "$offset" "T24: its age, as the program sees it"
near "$(run -- sh -c 'cut -d. -f1 /proc/uptime')" "$(cut -d. -f1 /proc/uptime)" "$(cut -d. -f1 /proc/uptime)" "T25: /proc/uptime"
contains "$(run --explain -- date)" "file times, /proc/uptime, process start times" "what is said of it"

# ---- T27: what is valid today has expired in the simulated future

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=today -keyout "$work/today.key" -out "$work/today.crt" 2>/dev/null
openssl verify -CAfile "$work/today.crt" "$work/today.crt" >/dev/null || fail "the control: a certificate of today"
run -- openssl verify -CAfile "$work/today.crt" "$work/today.crt" >/dev/null 2>&1 && fail "T27: a certificate that has expired verifies"

# ---- T39: nothing of ours is open in the command

same "$(run -- sh -c 'ls /proc/self/fd | wc -l')" "$(sh -c 'ls /proc/self/fd | wc -l')" "T39: open descriptors"
same "$(run --resolve-all -- sh -c 'ls /proc/self/fd | wc -l')" "$(sh -c 'ls /proc/self/fd | wc -l')" "T39: open descriptors, with names"

# ---- T43: capabilities of a file

if [ "$(id -u)" = 0 ] && cp "$(command -v date)" "$work/capable-date" && setcap cap_net_bind_service+ep "$work/capable-date" 2>/dev/null; then
    chmod 755 "$work" "$work/ca"
    cp "$fakeca_run" "$work/fakeca-run"
    as_nobody() { (cd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$work/fakeca-run" --clock-file "$clock" "$@"); }
    shifted "$(as_nobody -- "$work/capable-date" +%s 2>"$work/e.txt")" "T43: a program with capabilities"
    contains "$(cat "$work/e.txt")" "capable-date is given capabilities by its file: it runs without its rights"
    same "$(as_nobody -- sh -c "$work/capable-date; $work/capable-date" 2>&1 >/dev/null | grep -c 'runs without its rights')" 1 "T43: said once"
    contains "$(as_nobody --explain -- "$work/capable-date")" "shifted, rights dropped (file capabilities)"
else
    echo "skip: T43 (needs root and a file system with capabilities)"
fi

# ---- T7: who has failed to exec is free for other tracers

cat >"$work/failing.py" <<'PY'
import os, sys, time
try:
    os.execv("/etc/passwd", ["x"])
except PermissionError:
    print(os.getpid(), flush=True)
sys.stdin.readline()
PY
mkfifo "$work/hold"
exec 3<>"$work/hold"
run_background -- sh -c "exec python3 '$work/failing.py' <'$work/hold'" >"$work/failing.out" 2>"$work/failing.log"
wait_for 10 grep -q '[0-9]' "$work/failing.out" || fail "the failing exec"
free() { grep -q '^TracerPid:[[:space:]]*0$' "/proc/$(cat "$work/failing.out")/status"; }
wait_for 5 free || fail "T7: still traced after an exec that failed"
echo >&3
exec 3>&-

# ---- own filters, absolute timers, 32-bit time

out=$(run -- "$odd" filter-for-all 2>"$work/odd.log") || fail "a filter for all threads (TSYNC)"
same "$(wc -l <<<"$out")" 5 "threads that tell the time"
for value in $out; do shifted "$value" "a thread with a filter of the program's own"; done
for back in 0d -120d; do
    ca clock advance "$back" >/dev/null
    offset=$((offset + ${back%d} * 86400))
    for policy in '' --monotonic; do
        out=$(run ${policy:+"$policy"} -- "$odd" disarm 2>"$work/odd.log") || fail "T53 $policy"
        for value in $out; do shifted "$value" "T53: timers of time zero, $back $policy"; done
    done
done
odd_32=$(compile clock_odd -m32)
ca clock set 2040-01-01 >/dev/null
out=$(run --strict -- "$odd_32" old-numbers 2>"$work/e.txt") && fail "T29: --strict does not tell of failed reads"
same "$(head -n 3 <<<"$out" | sort -u)" overflow "T29: 32-bit time behind 2038"
near "$(tail -n 1 <<<"$out")" "$(date -d 2040-01-01T00:00:00Z +%s)" "$(($(date -d 2040-01-01T00:00:00Z +%s) + 60))" "T29: 64-bit time of a 32-bit program"
contains "$(cat "$work/e.txt")" "has 32-bit time, which ends on 2038-01-19"
contains "$(run --explain -- "$odd_32")" "notify (32-bit)" "what is said of a 32-bit program"
ca clock reset >/dev/null
offset=0

# ---- T17: the CA is killed and comes again: the same file, running programs go on with it; the front says that it is gone

inode=$(stat -c %i "$clock")
run_background -- sh -c 'while :; do date +"live %s"; sleep 0.1; done' >"$work/live.out" 2>"$work/live.err"
front=$!
wait_for 10 has live "$work/live.out" || fail "the program does not start"
kill_ca
wait_for 10 grep -q "the CA is gone; its clock stays where it is" "$work/live.err" || fail "a killed CA is not told"
start_ca
same "$(stat -c %i "$clock")" "$inode" "T17: the clock file of a CA that came again"
ca clock advance 60d >/dev/null
wait_for 10 later live "$work/live.out" $(($(real_now) + 5184000 - 2)) || fail "T17: a program from before does not see the skips of the new CA"
kill -TERM "$front"
wait "$front" 2>/dev/null || true
# an orderly end is told too
run_background -- sleep 1000 >/dev/null 2>"$work/end.err"
front=$!
wait_for 10 pgrep -P "$(wait_for 10 pgrep -P "$front"; pgrep -P "$front")" >/dev/null || fail "no command"
stop_ca
wait_for 10 grep -q "the CA is gone" "$work/end.err" || fail "a CA that ended is not told"
kill -TERM "$front"
wait "$front" 2>/dev/null || true

# ---- T16: the file is there in full, and a full disk is an error of the CA, not a signal in every program

[ "$(stat -c '%b' "$clock")" -ge 128 ] || fail "T16: the clock file is not allocated in full"
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    mkdir -p "$work/full"
    code=0
    unshare -m sh -c "mount -t tmpfs -o size=32k none '$work/full' && exec env XDG_RUNTIME_DIR='$work/full' timeout 20 '$fakeca' serve --acme-listen localhost:0 \
        --management-listen localhost:0 --dns-listen none --print none" >"$work/full.out" 2>"$work/full.err" || code=$?
    same "$code" 3 "T16: a clock file for which there is no room"
    contains "$(cat "$work/full.err")" "No space left on device"
else
    echo "skip: T16, full disk (needs root and namespaces)"
fi
