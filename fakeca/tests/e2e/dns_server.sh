#!/usr/bin/env bash
# --dns-server: validation asks another fakeca's mock DNS, by UDP and TCP. A certificate through it with certbot, then what certbot is
# told of each kind of trouble there.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# the world: only its mock DNS counts
"$fakeca" serve --state "$work/world" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen 127.0.0.1:0 \
    --dns-server 127.0.0.1:1 >"$work/world.out" 2>"$work/world.log" &
world_pid=$!
pids+=("$world_pid")
"$fakeca" health --state "$work/world" --wait 30s >"$work/health.log" 2>&1 || fail "the other fakeca does not start"
wait_for 10 grep -q "validation   does not ask the mock DNS but 127.0.0.1:1" "$work/world.out" || fail "what serve prints"
resolver=$(jq -r .dns "$work/world/run.json")
world() { "$fakeca" dns --state "$work/world" set "$@" >/dev/null || fail "the rule '$*'"; }

http=$(free_port)
start_ca --port-map "80=$http" --dns-server "$resolver"
ca dns set '*' NXDOMAIN >/dev/null # whoever asks this one gets nothing

obtain() { # NAME
    certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --standalone --http-01-port "$http" -d "$1"
}
world a.test CNAME b.test
world b.test CNAME c.test --delay 200ms
world c.test A 127.0.0.1 --truncate
world c.test AAAA REFUSED
rules=$("$fakeca" dns --state "$work/world")
contains "$rules" "b.test                           CNAME  c.test (after 200ms)" "the list of rules"
contains "$rules" "c.test                           A      127.0.0.1 (truncated over UDP)" "the list of rules"
contains "$rules" "c.test                           AAAA   REFUSED" "the list of rules"
obtain a.test || fail "certbot does not obtain by the other's DNS"
openssl verify -CAfile "$ca_file" -untrusted "$work/le/live/a.test/chain.pem" "$work/le/live/a.test/cert.pem" >"$work/verify.log" 2>&1 ||
    fail "the chain does not verify"
contains "$(ca log --json)" "resolver $resolver" "the trace names the resolver"

refused() { # NAME TEXT: certbot fails and says why
    if obtain "$1"; then
        fail "certbot obtains a certificate for $1"
    fi
    contains "$(tr -s ' \n' ' ' <"$work/certbot.log")" "$2" "certbot's report"
}
world sick.test SERVFAIL
refused sick.test "DNS problem: SERVFAIL looking up A for sick.test - the domain's nameservers may be malfunctioning"
world gone.test NXDOMAIN
refused gone.test "DNS problem: NXDOMAIN looking up A for gone.test - check that a DNS record exists for this domain"
contains "$(ca probe gone.test || true)" "repeat   dig @${resolver%:*} -p ${resolver##*:} A 'gone.test'" "the line that repeats a look-up"
world still.test DROP
refused still.test "DNS problem: query timed out looking up A for still.test"
"$fakeca" dns --state "$work/world" clear sick.test >/dev/null
obtain sick.test || fail "certbot does not obtain once the trouble is over: something was remembered"

# a world that ends: questions time out, the CA goes on and stops in peace
kill -TERM "$world_pid"
wait "$world_pid" || fail "the other fakeca ended badly"
pids=()
refused late.test "DNS problem: query timed out looking up A for late.test"
stop_ca

status=0
"$fakeca" dns --state "$work/ca" list --delay 2s >"$work/wrong.log" 2>&1 || status=$?
same "$status" 2 "exit code of dns list --delay"
contains "$(cat "$work/wrong.log")" "options '--delay' and '--truncate' go with 'fakeca dns set'" "dns list --delay"
wrong() { # TEXT OPTIONS...: refused with exit code 2
    local says=$1 status=0
    shift
    "$fakeca" serve --state "$work/never" --print none "$@" >"$work/wrong.log" 2>&1 || status=$?
    same "$status" 2 "exit code of serve $*"
    contains "$(cat "$work/wrong.log")" "$says" "serve $*"
}
wrong "options '--dns-server' and '--dns system': only one can be asked" --dns system --dns-server 127.0.0.1
wrong "option '--dns-server': 'dns.test' is no address of a resolver" --dns-server dns.test
wrong "'--dns'" --dns unbound
