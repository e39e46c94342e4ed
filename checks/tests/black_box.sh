#!/usr/bin/env bash
# Only hosts and addresses, against a plain nginx: what can be seen from outside is judged, the rest names the member it needs.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2329 # called by the trap
stop_nginx() { [ ! -s "$work/site/nginx.pid" ] || kill "$(cat "$work/site/nginx.pid")"; }
silent=""
# shellcheck disable=SC2329
end_silent() { [ -z "$silent" ] || kill "$silent" 2>/dev/null || true; }
# shellcheck disable=SC2154 # set in the trap itself
trap 'code=$?; stop_nginx; end_silent; (exit $code); finish' EXIT

mkdir -p "$work/site/www" "$work/site/tmp" "$work/setup"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ca -keyout "$work/site/ca.key" -out "$work/site/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=www.a.test -keyout "$work/site/key.pem" -out "$work/site/csr.pem" 2>/dev/null
printf 'subjectAltName=DNS:www.a.test\n' >"$work/site/ext"
openssl x509 -req -in "$work/site/csr.pem" -CA "$work/site/ca.crt" -CAkey "$work/site/ca.key" -CAcreateserial -days 20 -extfile "$work/site/ext" \
    -out "$work/site/leaf.pem" 2>/dev/null

serve() { # PORT-80-LINE CERTIFICATE-FILE
    stop_nginx
    wait_for 10 test ! -s "$work/site/nginx.pid" || true
    http=$(free_port) https=$(free_port)
    cat >"$work/site/nginx.conf" <<CONF
pid nginx.pid; error_log error.log; worker_processes 1; events {}
http {
    access_log off;
    client_body_temp_path tmp/1; proxy_temp_path tmp/2; fastcgi_temp_path tmp/3; uwsgi_temp_path tmp/4; scgi_temp_path tmp/5;
    server { listen 127.0.0.1:$http; $1 }
    server { listen 127.0.0.1:$https ssl; root www; ssl_certificate $2; ssl_certificate_key key.pem; }
}
CONF
    (cd "$work/site" && nginx -e error.log -p . -c nginx.conf)
    echo "{\"hosts\":[\"www.a.test\"],\"http\":\"127.0.0.1:$http\",\"https\":\"127.0.0.1:$https\"}" >"$work/setup/setup.json"
}
run() { expect "$1" "$check" "$work/setup/setup.json" --format text --format "json=$work/report.json" -v; }

# a server that takes connections and never answers: each look has its own time limit. (Perl listens; nobody accepts.)
silent_port=$(free_port)
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die; sleep 300' "$silent_port" &
silent=$!
mkdir "$work/silent"
echo "{\"hosts\":[\"www.a.test\"],\"http\":\"127.0.0.1:$silent_port\",\"https\":\"127.0.0.1:$silent_port\"}" >"$work/silent/setup.json"
"$check" "$work/silent/setup.json" --format "json=$work/silent.json" >"$work/silent.txt" 2>&1 &
of_silent=$!

# shellcheck disable=SC2016 # nginx's variables
serve 'return 301 https://$host$request_uri;' leaf.pem
run 1
is http-port80-open pass
is redirect-keeps-path pass
is redirect-port pass
is redirect-no-loop pass
is preflight-reach pass
is names-covered pass
is cert-times pass
is chain-complete fail # only the leaf is sent
is reload-serves-new-cert skip
is bootstrap-starts-bare skip
says 'add "run.renew"'

cat "$work/site/leaf.pem" "$work/site/ca.crt" >"$work/site/chain.pem"
# shellcheck disable=SC2016
serve 'return 301 https://$host/;' chain.pem
run 1
is redirect-keeps-path fail
is chain-complete warn # the root is sent along

# exit codes
expect 0 "$check" "$work/setup/setup.json" --only chain-complete
expect 1 "$check" "$work/setup/setup.json" --only chain-complete --fail-on warn
expect 0 "$check" "$work/setup/setup.json" --only chain-complete,http-port80-open --require http-port80-open
expect 3 "$check" "$work/setup/setup.json" --only chain-complete,renewal-twice --require renewal-twice
expect 3 "$check" "$work/setup/setup.json" --only chain-complete,renewal-twice --strict
expect 3 "$check" "$work/setup/setup.json" --only renewal-twice,bootstrap-once # nothing ran
expect 3 "$check" "$work/setup/setup.json" --only chain-complete --blind tls
# a policy changes a result, with its reason in the report, until its day
jq '.policy = {"redirect-keeps-path": {as: "warn", why: "the old shop", until: "2199-01-01"}}' "$work/setup/setup.json" >"$work/setup/policy.json"
expect 0 "$check" "$work/setup/policy.json" --only redirect-keeps-path,http-port80-open
says "the old shop"
jq '.policy."redirect-keeps-path".until = "2020-01-01"' "$work/setup/policy.json" >"$work/setup/over.json"
expect 1 "$check" "$work/setup/over.json" --only redirect-keeps-path,http-port80-open

serve 'return 404;' chain.pem
sed -i 's/www.a.test/other.a.test/' "$work/setup/setup.json"
run 1
is names-covered fail
is redirect-keeps-path skip

# nothing there at all: not "ready", whatever was skipped
stop_nginx
wait_for 10 test ! -s "$work/site/nginx.pid"
run 1
is http-port80-open fail
is preflight-reach fail

# the server that never answers: its rehearsal went on meanwhile
code=0
wait "$of_silent" || code=$?
kill "$silent"
[ "$code" -eq 1 ] || fail "exit code $code with a server that never answers"
cp "$work/silent.json" "$work/report.json"
is http-port80-open fail
jq -r '.checks[] | select(.id == "http-port80-open") | .headline' "$work/report.json" >"$work/out.txt"
says "no answer in time"
is chain-complete inconclusive
is redirect-keeps-path inconclusive
