#!/usr/bin/env bash
# Servers under load while the clock skips forwards and back, with the monotonic clock real and shifted: every request is answered, none
# spins afterwards, all end when they are asked to.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need nginx caddy node python3 curl

start_ca
answers() { [ "$(curl -sS "http://127.0.0.1:$1/")" = hello ]; }
for policy in '' --monotonic; do
    option=(${policy:+"$policy"})
    ports=() fronts=()
    for _ in 1 2 3; do ports+=("$(free_port)"); done
    cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 2;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
    access_log off;
    keepalive_requests 100000;
    client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
    server { listen 127.0.0.1:${ports[0]}; return 200 "hello\n"; }
}
CONF
    run_background "${option[@]}" -- nginx -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf" >"$work/nginx-start.log" 2>&1
    fronts+=($!)
    run_background "${option[@]}" -- caddy respond --listen "127.0.0.1:${ports[1]}" hello >"$work/caddy.log" 2>&1
    fronts+=($!)
    run_background "${option[@]}" -- node -e "require('http').createServer((q, s) => s.end('hello')).listen(${ports[2]}, '127.0.0.1')" >"$work/node.log" 2>&1
    fronts+=($!)
    for port in "${ports[@]}"; do
        wait_for 20 answers "$port" || fail "a server does not answer"
    done
    timeout 120 python3 "$programs/load.py" "$fakeca" "$work/ca" "${ports[@]}" -- "${fronts[@]}" >"$work/load.log" 2>&1 || fail "the load $policy"
    same "$(grep -c ' failed 0 ' "$work/load.log")" 3 "servers whose requests were all answered $policy"
    same "$(grep stuck "$work/load.log")" "stuck 0" "connections that are answered after the last skip $policy"
    awk '$1 == "idle" && $2 < 0.3 { good = 1 } END { exit !good }' "$work/load.log" || fail "a server is busy when nobody asks it $policy"
    kill -TERM "${fronts[@]}"
    for front in "${fronts[@]}"; do
        wait_for 20 gone "$front" || fail "a server does not end $policy"
    done
    for port in "${ports[@]}"; do
        answers "$port" 2>/dev/null && fail "a server is left"
    done
    cat "$work/load.log"
done
