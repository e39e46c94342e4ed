#!/usr/bin/env bash
# fakeca run as a process: exit codes, signals, terminal, job control, what happens when parts of it are killed, bad input.
# shellcheck disable=SC2016 # the shells inside expand
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need python3 strace gdb setpriv

# ---- without a CA: one of its own, for the time of the command

out=$("$fakeca" run -- sh -c "date +%s; '$fakeca' --advance-days 60 >&2; date +%s; echo \$FAKECA_STATE; test -s \"\$SSL_CERT_FILE\" && echo trusted" 2>"$work/own.log")
contains "$(cat "$work/own.log")" "no CA is running; started one for this command (directory https://localhost:" "the message"
near "$(sed -n 1p <<<"$out")" "$(real_now)" "$(real_now)" "before the skip"
near "$(sed -n 2p <<<"$out")" $(($(real_now) + 5184000)) $(($(real_now) + 5184000)) "after the skip"
same "$(sed -n 4p <<<"$out")" trusted "the bundle"
[ ! -e "$(sed -n 3p <<<"$out")" ] || fail "the folder of the command's CA is still there"
same "$(status_of "$fakeca" run --detach -- true 2>/dev/null)" 125 "--detach without a CA"

export work FAKECA
start_ca
ca clock advance 60d >/dev/null
off=5184000

# ---- exit codes and what goes where

same "$(status_of run -- true)" 0 "true"
same "$(status_of run -- sh -c 'exit 1')" 1 "exit 1"
same "$(status_of run -- sh -c 'exit 42')" 42 "exit 42"
same "$(status_of run -- sh -c 'kill -TERM $$')" 143 "death by SIGTERM"
same "$(status_of run -- sh -c 'kill -SEGV $$')" 139 "death by SIGSEGV"
same "$(status_of run -- no-such-program 2>"$work/e.txt")" 127 "not found"
contains "$(cat "$work/e.txt")" "fakeca run: no-such-program: not found"
same "$(status_of run -- /etc/passwd 2>"$work/e.txt")" 126 "not executable"
contains "$(cat "$work/e.txt")" "/etc/passwd: Permission denied"
same "$(status_of run -- "$work" 2>"$work/e.txt")" 126 "a folder"
contains "$(cat "$work/e.txt")" "$work: is a folder"
printf '#!/nowhere/interpreter\n' >"$work/no-interpreter" && chmod +x "$work/no-interpreter"
same "$(status_of run -- "$work/no-interpreter" 2>"$work/e.txt")" 127 "a script whose interpreter is missing"
contains "$(cat "$work/e.txt")" "its interpreter '/nowhere/interpreter' is missing"
same "$(status_of run -- /nowhere/program 2>"$work/e.txt")" 127 "a path that is not there"
contains "$(cat "$work/e.txt")" "/nowhere/program: No such file or directory"
same "$(status_of "$fakeca_run" 2>"$work/e.txt")" 125 "nothing to run, the static launcher"
contains "$(cat "$work/e.txt")" "usage: fakeca-run [options]"
same "$(status_of run 2>"$work/e.txt")" 125 "nothing to run"
contains "$(cat "$work/e.txt")" "nothing to run; usage: fakeca run"
same "$(status_of run --monotonc -- true 2>"$work/e.txt")" 125 "an unknown option"
contains "$(cat "$work/e.txt")" "did you mean '--monotonic'?"
same "$(run --verbose -- echo out 2>/dev/null)" out "standard output"
same "$(echo in | run -- cat)" in "standard input"
same "$(run -- sh -c 'date +%s; exec 1>&-; sleep 0.2' | wc -l)" 1 "a pipe"
same "$(status_of "$fakeca" run --state "$work/nowhere" -- true 2>/dev/null)" 125 "no CA at the named place"
same "$(status_of run --strict -- docker ps 2>"$work/e.txt")" 125 "docker with --strict"
contains "$(cat "$work/e.txt")" "docker starts its container outside this run: not shifted"
python3 - <<'PY' || fail "a program ended by a signal does not look like one"
import os, signal, subprocess
e = os.environ
p = subprocess.run([e["FAKECA"], "run", "--state", e["work"] + "/ca", "--", "sh", "-c", "kill -USR1 $$"])
assert p.returncode == -signal.SIGUSR1, p.returncode
PY

# ---- clock files that are none

bad_file() { # FILE TEXT
    same "$(status_of "$fakeca_run" --clock-file "$1" -- true 2>"$work/e.txt")" 125 "clock file $1"
    contains "$(cat "$work/e.txt")" "$2"
}
clock=$(run_json clock_file)
cp "$clock" "$work/version2" && printf '\002' | dd of="$work/version2" bs=1 seek=8 conv=notrunc 2>/dev/null
cp "$clock" "$work/magic" && printf 'X' | dd of="$work/magic" bs=1 seek=0 conv=notrunc 2>/dev/null
cp "$clock" "$work/rate" && printf '\007\007\007' | dd of="$work/rate" bs=1 seek=104 conv=notrunc 2>/dev/null &&
    printf '\007' | dd of="$work/rate" bs=1 seek=168 conv=notrunc 2>/dev/null
head -c 4096 "$clock" >"$work/short"
bad_file "$work/version2" "version 2, this fakeca knows 1: use the fakeca that wrote it"
bad_file "$work/magic" "is not a clock file"
bad_file "$work/rate" "is damaged"
bad_file "$work/short" "too short"
bad_file "$work" "something else than a file"
bad_file "$work/none" "there is no clock file"
same "$(status_of "$fakeca_run" -- true 2>/dev/null)" 125 "no clock file named"
near "$("$fakeca_run" --clock-file "$clock" -- date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "the static launcher"
same "$(status_of "$fakeca" serve --state "$work/ca" --print none --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none 2>/dev/null)" 3 \
    "a second CA on the same folder"

# ---- inside itself; fakeca's own programs are not shifted twice

near "$(run -- "$fakeca" run --state "$work/ca" -- date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "a run inside a run"
cp "$clock" "$work/other"
same "$(status_of run -- "$fakeca_run" --clock-file "$work/other" -- true 2>"$work/e.txt")" 125 "a run inside a run on another clock"
contains "$(cat "$work/e.txt")" "already on the clock of another run"
same "$(status_of run -- env -u FAKECA_RUN "$fakeca_run" --clock-file "$work/other" -- true 2>"$work/e.txt")" 125 "the same without the mark"
contains "$(cat "$work/e.txt")" "already inside a supervised tree"
inside=$(run -- "$fakeca" clock show --json --state "$work/ca" | jq -r '.now + " " + .real')
near "$(date -d "${inside% *}" +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "simulated time told by fakeca inside"
near "$(date -d "${inside#* }" +%s)" "$(real_now)" "$(real_now)" "real time told by fakeca inside"
mkdir -p "$work/inner"
run_background --monotonic -- "$fakeca" serve --state "$work/inner" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none \
    --print none >"$work/inner.log" 2>&1
inner=$!
"$fakeca" health --state "$work/inner" --wait 20s >/dev/null || fail "a CA inside a run does not start"
ca clock advance 1d >/dev/null # its threads wait on the monotonic clock: they must neither hang nor spin
off=$((off + 86400))
near "$(date -d "$("$fakeca" clock show --state "$work/inner" --json | jq -r .now)" +%s)" "$(real_now)" "$(real_now)" "the clock of a CA inside a run"
kill -TERM "$inner"
wait "$inner" || true

# ---- programs that trace, and are traced

near "$(run -- strace -f -o /dev/null date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "under strace"
near "$(strace -f -o /dev/null "$fakeca_run" --clock-file "$clock" -- date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "inside strace"
near "$(run -- gdb -q -batch -ex run --args "$(command -v date)" +%s 2>/dev/null | grep -E '^[0-9]{10}$')" $(($(real_now) + off)) $(($(real_now) + off)) "under gdb"

# ---- rights: an ordinary user, setuid programs, setting the clock

if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work" "$work/ca" 2>/dev/null
    nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    near "$("${nobody[@]}" "$fakeca_run" --clock-file "$clock" -- date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "as an ordinary user"
    cp "$(command -v date)" "$work/setuid-date" && chmod 4755 "$work/setuid-date"
    near "$("${nobody[@]}" "$fakeca_run" --clock-file "$clock" -- "$work/setuid-date" +%s 2>"$work/e.txt")" $(($(real_now) + off)) $(($(real_now) + off)) "a setuid program"
    contains "$(cat "$work/e.txt")" "setuid-date is setuid: it runs without its rights"
    contains "$("${nobody[@]}" "$fakeca_run" --clock-file "$clock" --explain -- "$work/setuid-date")" "shifted, rights dropped (setuid)"
    run -- date -s 2031-01-01 >/dev/null 2>"$work/e.txt" && fail "a program under a shifted clock has set the machine's"
    contains "$(cat "$work/e.txt")" "cannot set date"
fi
near "$(run -- sh -c "ulimit -v 20000; exec date +%s")" $(($(real_now) + off)) $(($(real_now) + off)) "with little memory"
near "$(run -- env "LONG=$(head -c 100000 /dev/zero | tr '\0' x)" date +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "with a large environment"
near "$(run -- env -i "$(command -v date)" +%s)" $(($(real_now) + off)) $(($(real_now) + off)) "with an empty environment"
contains "$(run --explain -- certbot)" "script, #!" "explain of a script"
contains "$(run --explain -- "$fakeca")" "true clock" "explain of fakeca"
same "$(run -- sh -c 'for i in $(seq 100); do /bin/true & done; wait; date +%s >/dev/null; echo ok')" ok "a hundred programs at once"

# ---- a program outside sees nothing of it

near "$(date +%s)" "$(real_now)" "$(real_now)" "outside"
left=$(grep -ls "$clock" /proc/[0-9]*/maps | grep -v "/$ca_pid/" || true)
for maps in $left; do
    fail "the clock file is still mapped by $(tr '\0' ' ' <"${maps%maps}cmdline")"
done

# ---- the frozen clock

ca clock freeze >/dev/null
frozen=$(date -d "$(ca clock show --json | jq -r .now)" +%s)
same "$(run -- date +%s)" "$frozen" "a frozen clock"
same "$(run -- python3 -c 'import time; print(int(time.time()))')" "$frozen" "a frozen clock in python"
ca clock follow >/dev/null

python3 "$programs/terminal.py" "$fakeca" "$work/ca" >"$work/terminal.log" 2>&1 || fail "terminal and kill -9"
