#!/usr/bin/env bash
# Programs of every kind on the simulated clock: the time seen at the start, after a live skip, in a child, in a thread.
# Each row runs; only java may be missing, and is named then.
# shellcheck disable=SC2016 # the shells inside expand
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need date bash busybox python3 perl node openssl curl sqlite3 gcc musl-gcc caddy nginx

start_ca
ca clock advance 60d >/dev/null
offset=5184000

# row NAME WORDS COMMAND...: the command prints "start N" and the other WORDS, then "live N" again and again
row() {
    local name=$1 words=$2 out=$work/$1.out from word value at
    shift 2
    from=$(real_now)
    run_background -- "$@" >"$out" 2>"$work/$name.log"
    local pid=$!
    for word in $words; do
        wait_for 20 has "$word" "$out" || fail "$name: no '$word'"
        while read -r value; do
            near "$value" $((from + offset)) $(($(real_now) + offset)) "$name: $word"
        done < <(sed -n "s/^$word \([0-9]*\).*/\1/p" "$out")
    done
    ca clock advance 1d >/dev/null
    offset=$((offset + 86400))
    at=$(($(real_now) + offset - 2))
    wait_for 5 later live "$out" "$at" || fail "$name: a skip is not seen by the running program"
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null || true
    echo "row: $name"
}

row date "start" sh -c 'echo start $(date +%s); while :; do echo live $(date +%s); sleep 0.1; done'
row bash "start child" bash -c 'printf "start %(%s)T\n" -1; echo child $(date +%s); while :; do echo "live ${EPOCHREALTIME%.*}"; sleep 0.1; done'
row busybox "start child" busybox sh -c 'echo start $(busybox date +%s); busybox sh -c "echo child \$(busybox date +%s)"; while :; do echo live $(busybox date +%s); busybox sleep 0.1; done'
row python "start thread child" python3 -c '
import datetime, subprocess, threading, time
print("start %d" % time.time(), flush=True)
print("start %d" % datetime.datetime.now().timestamp(), flush=True)
t = threading.Thread(target=lambda: print("thread %d" % time.time(), flush=True)); t.start(); t.join()
subprocess.run(["date", "+child %s"])
while True: print("live %d" % time.time(), flush=True); time.sleep(0.1)'
row perl "start child" perl -e '$|=1; print "start ", time, "\n"; system("date", "+child %s"); while (1) { print "live ", time, "\n"; select(undef, undef, undef, 0.1) }'
row node "start thread child" node -e '
const s = () => Math.floor(Date.now() / 1000)
console.log("start " + s())
const { Worker } = require("worker_threads")
new Worker("require(\"worker_threads\").parentPort.postMessage(Math.floor(Date.now() / 1000))", { eval: true }).on("message", (m) => console.log("thread " + m))
require("child_process").exec("date +%s", (e, out) => console.log("child " + out.trim()))
setInterval(() => console.log("live " + s()), 100)'
row sqlite3 "start" sh -c 'word=start
while :; do echo "select \"$word \" || unixepoch();" | tr \" "\047"; word=live; sleep 0.1; done | sqlite3 -batch :memory:'
row c-dynamic "start libc raw thread child" "$(compile clock_reads)" live
row c-static "start libc raw thread child" "$(compile clock_reads -static)" live
row c-32bit "start libc thread child" "$(compile clock_reads -m32)" live
musl=$(CC='musl-gcc' compile clock_reads -static)
row c-musl "start libc raw thread child" "$musl" live
if command -v java >/dev/null && command -v javac >/dev/null; then
    cat >"$work/Clock.java" <<'JAVA'
public class Clock {
    static long now() { return System.currentTimeMillis() / 1000; }
    public static void main(String[] a) throws Exception {
        System.out.println("start " + now());
        Thread t = new Thread(() -> System.out.println("thread " + now()));
        t.start();
        t.join();
        new ProcessBuilder("date", "+child %s").inheritIO().start().waitFor();
        while (true) { System.out.println("live " + now()); Thread.sleep(100); }
    }
}
JAVA
    javac -d "$work" "$work/Clock.java"
    row java "start thread child" java -cp "$work" Clock
else
    echo "skip: java (not installed)"
fi

# ---- servers: the Date header

http_date() { date -d "$(curl -sS -D - -o /dev/null "http://127.0.0.1:$1/" | tr -d '\r' | sed -n 's/^[Dd]ate: //p')" +%s; }
answers() { curl -sS -o /dev/null "http://127.0.0.1:$1/"; }
shows() { [ "$(http_date "$1")" -ge "$2" ]; }
# server NAME PORT COMMAND...
server() {
    local name=$1 port=$2 from pid
    shift 2
    run_background -- "$@" >"$work/$name.log" 2>&1
    pid=$!
    wait_for 20 answers "$port" || fail "$name does not answer"
    from=$(real_now)
    wait_for 5 shows "$port" $((from + offset - 2)) || fail "$name: Date is $(http_date "$port"), not $((from + offset))"
    ca clock advance 1d >/dev/null
    offset=$((offset + 86400))
    # nginx keeps the time of its last event: it may be a request late
    wait_for 5 shows "$port" $(($(real_now) + offset - 2)) || fail "$name: a skip is not seen by the running server"
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null || true
    echo "row: $name"
}
port=$(free_port)
server caddy "$port" caddy respond --listen "127.0.0.1:$port" hello
port=$(free_port)
cat >"$work/nginx.conf" <<CONF
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
    server { listen 127.0.0.1:$port; return 200 "hello\n"; }
}
CONF
server nginx "$port" nginx -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf"
port=$(free_port)
server python-http "$port" python3 -m http.server --bind 127.0.0.1 "$port"

# ---- certificates: one that is valid in the simulated future only

run -- openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 20 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/future.key" -out "$work/future.crt" 2>/dev/null
near "$(date -d "$(openssl x509 -noout -startdate -in "$work/future.crt" | cut -d= -f2)" +%s)" $(($(real_now) + offset)) $(($(real_now) + offset)) "openssl req"
run -- openssl x509 -noout -checkend 1700000 -in "$work/future.crt" >/dev/null || fail "openssl -checkend says that it expires within 20 days"
run -- openssl x509 -noout -checkend 1800000 -in "$work/future.crt" >/dev/null && fail "openssl -checkend does not see the end on day 20"
run -- openssl verify -CAfile "$work/future.crt" "$work/future.crt" >/dev/null || fail "openssl verify"
openssl verify -CAfile "$work/future.crt" "$work/future.crt" >/dev/null 2>&1 && fail "the control: valid today"
port=$(free_port)
openssl s_server -accept "127.0.0.1:$port" -cert "$work/future.crt" -key "$work/future.key" -www >"$work/s_server.log" 2>&1 &
pids+=($!)
wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || fail "no TLS server"
fetch() { curl -sS --cacert "$work/future.crt" --resolve "localhost:$port:127.0.0.1" -o /dev/null "https://localhost:$port/" 2>"$work/curl.log"; }
export -f fetch
export work port
run -- bash -c fetch || fail "curl does not take a certificate of its own day"
fetch && fail "the control: curl takes a certificate that is not yet valid"
run -- python3 -c "
import socket, ssl
c = ssl.create_default_context(cafile='$work/future.crt')
c.wrap_socket(socket.create_connection(('127.0.0.1', $port)), server_hostname='localhost')" || fail "python's ssl"
echo "row: openssl, curl, python ssl"
