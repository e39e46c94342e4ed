#!/usr/bin/env bash
# fakeca run --resolve-all: names that the CA knows resolve to what it answers, for libc, Go, musl and 32-bit programs, without root; what
# is ordered or ruled while a program runs is seen by it; who reads /etc/hosts otherwise sees nothing odd.
# shellcheck disable=SC2016 # the shells inside expand
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need curl lego python3 perl busybox getent musl-gcc gcc

start_ca --tls-name ca.rehearsal.test
ca dns set web.rehearsal.test A 127.0.0.7 >/dev/null
ca dns set web.rehearsal.test AAAA 2001:db8::7 >/dev/null
ca dns set gone.rehearsal.test '*' NXDOMAIN >/dev/null
ca dns set ca.rehearsal.test A 127.0.0.1 >/dev/null
resolve() { run --resolve-all "$@"; }

# ---- the control: nobody knows these names

getent ahostsv4 web.rehearsal.test >/dev/null && fail "the control: the machine knows the name"
run -- getent ahostsv4 web.rehearsal.test >/dev/null && fail "without --resolve-all the name resolves"

# ---- each kind of program

contains "$(resolve -- getent ahostsv4 web.rehearsal.test)" 127.0.0.7 "glibc"
contains "$(resolve -- getent ahostsv6 web.rehearsal.test)" 2001:db8::7 "glibc, IPv6"
resolve -- getent ahosts gone.rehearsal.test >/dev/null && fail "a name with no address resolves"
same "$(resolve -- getent ahostsv4 localhost | awk 'NR == 1 { print $1 }')" 127.0.0.1 "localhost"
same "$(resolve -- getent hosts 127.0.0.1 | awk '{ print $2 }')" localhost "what 127.0.0.1 is called"
same "$(resolve -- python3 -c 'import socket; print(socket.gethostbyname("web.rehearsal.test"))')" 127.0.0.7 python
same "$(resolve -- perl -MSocket -e 'print inet_ntoa(inet_aton("web.rehearsal.test"))')" 127.0.0.7 perl
same "$(resolve --monotonic -- sh -c 'python3 -c "import socket; print(socket.gethostbyname(\"web.rehearsal.test\"))"')" 127.0.0.7 "a child, with --monotonic"
cat >"$work/look.c" <<'C'
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    struct hostent *e = argc > 1 ? gethostbyname(argv[1]) : NULL;
    puts(e ? inet_ntoa(*(struct in_addr *)e->h_addr_list[0]) : "unknown");
    return !e;
}
C
musl-gcc -static -o "$work/look-musl" "$work/look.c" || fail "musl-gcc"
gcc -m32 -o "$work/look-32" "$work/look.c" || fail "gcc -m32"
same "$(resolve -- "$work/look-musl" web.rehearsal.test)" 127.0.0.7 "a static program with musl"
same "$(resolve -- "$work/look-32" web.rehearsal.test)" 127.0.0.7 "a 32-bit program"
port=${directory##*localhost:} port=${port%%/*}
resolve -- curl -sSf --cacert "$ca_file" "https://ca.rehearsal.test:$port/dir" >"$work/dir.json" 2>"$work/curl.log" || fail "curl"
jq -e .newOrder "$work/dir.json" >/dev/null || fail "curl did not reach the CA by its name"
http=$(free_port)
api PUT /api/v1/port-map "{\"map\":\"80=$http\"}" >/dev/null
resolve -- lego --path "$work/lego" --server "https://ca.rehearsal.test:$port/dir" --accept-tos --email ops@rehearsal.dev \
    --domains ordered.rehearsal.test --http --http.port "127.0.0.1:$http" run >"$work/lego.log" 2>&1 || fail "lego (Go) does not reach the CA by its name"

# ---- while a program runs: ordered names are known at once, changed rules too

contains "$(resolve -- getent ahostsv4 ordered.rehearsal.test)" 127.0.0.1 "an ordered name"
cat >"$work/again.py" <<'PY'
import socket, subprocess, sys
fakeca, state = sys.argv[1:]
def look():
    try:
        return socket.gethostbyname("later.rehearsal.test")
    except OSError:
        return "unknown"
print(look())
for address in ("127.0.0.8", "127.0.0.9"):
    subprocess.run([fakeca, "dns", "set", "--state", state, "later.rehearsal.test", "A", address], stdout=subprocess.DEVNULL, check=True)
    print(look())
PY
same "$(resolve -- python3 "$work/again.py" "$fakeca" "$work/ca" | tr '\n' ' ')" "unknown 127.0.0.8 127.0.0.9 " "rules that change meanwhile"

# ---- the file itself

contains "$(resolve -- cat /etc/hosts)" "127.0.0.7 web.rehearsal.test" "the file"
contains "$(resolve -- cat /etc/hosts)" "$(cat /etc/hosts)" "the machine's own lines"
same "$(resolve -- sh -c 'cat < /etc/hosts' | sha256sum)" "$(resolve -- cat /etc/hosts | sha256sum)" "by a descriptor of the shell"
same "$(resolve -- sh -c 'exec 3</etc/hosts; cat <&3 | wc -l')" "$(resolve -- cat /etc/hosts | wc -l)" "a descriptor that is handed on"
same "$(resolve -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do cat /etc/hosts & done | wc -l; wait')" "$((9 * $(resolve -- cat /etc/hosts | wc -l)))" "nine at once"
same "$(resolve -- cat /etc/hostname | sha256sum)" "$(sha256sum </etc/hostname)" "another file"
cmp -s <(cat /etc/hosts) <(run -- cat /etc/hosts) || fail "without the option the file is another"
before=$(stat -c '%i %Y %s' /etc/hosts)
[ "$(id -u)" != 0 ] || resolve -- sh -c ': >>/etc/hosts' || fail "writing is not looked at"
same "$(stat -c '%i %s' /etc/hosts)" "${before% * *} ${before##* }" "the machine's file"

# ---- the CA does not answer, or is gone: the machine's own file, and no hang

kill -STOP "$ca_pid"
same "$(timeout 20 "$fakeca_run" --clock-file "$work/ca/clock" -- true && echo fine)" fine "without names"
kill -CONT "$ca_pid"
cat >"$work/gone.sh" <<'SH'
kill -STOP "$1"
cmp /etc/hosts "$2" && echo same
kill -CONT "$1"
SH
cp /etc/hosts "$work/hosts"
same "$(timeout 30 "$fakeca" run --state "$work/ca" --resolve-all -- sh "$work/gone.sh" "$ca_pid" "$work/hosts")" same "a CA that does not answer"

# ---- what is said

contains "$(resolve --explain -- true)" "/etc/hosts is answered with the names that the CA knows"
contains "$(resolve -- "$fakeca" run --state "$work/ca" --resolve-all -- getent ahostsv4 web.rehearsal.test 2>"$work/e.txt")" 127.0.0.7 "inside another run"
contains "$(cat "$work/e.txt")" "inside another run: --resolve-all is the outer one's to give"
same "$(status_of env XDG_RUNTIME_DIR="$work/runtime" "$fakeca" run --clock-file "$work/ca/clock" --resolve-all -- true 2>"$work/e.txt")" 125 "without a CA"
contains "$(cat "$work/e.txt")" "--resolve-all asks the running CA for its names, and none is running"
