#!/usr/bin/env bash
# fakeca probe and fakeca log --validation in front of a real nginx that is set up well and badly.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

challenges=.well-known/acme-challenge
mkdir -p "$work/www/$challenges" "$work/wrong/$challenges"
printf 'some-content\n' >"$work/www/$challenges/fakeca-probe"
printf 'some-kontent' >"$work/wrong/$challenges/fakeca-probe"

nginx_servers() {
    cat <<CONF
    server { listen 127.0.0.1:$http; server_name good.test; root $work/www; }
    server { listen 127.0.0.1:$http; server_name wrong.test; root $work/wrong; }
    server { listen 127.0.0.1:$http; server_name port.test; return 301 https://\$host:8443\$request_uri; }
    server { listen 127.0.0.1:$http; server_name tls.test; return 301 https://\$host\$request_uri; }
    server { listen 127.0.0.1:$http; server_name lost.test; return 301 https://\$host/; }
    server {
        listen 127.0.0.1:$https ssl;
        ssl_certificate $work/site.crt;
        ssl_certificate_key $work/site.key;
        add_header Strict-Transport-Security "max-age=31536000" always;
        root $work/www;
        location = / { return 200 "$(printf 'welcome %.0s' {1..40})"; }
    }
CONF
}
probes() { # CODE ARGS...: what it said is in $said
    local code=$1 status=0
    shift
    said=$("$fakeca" probe --state "$work/ca" "$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq "$code" ] || fail "probe $* ended with $status, not $code: $said"
}

said=$("$fakeca" probe a.test --state "$work/none" 2>&1) && fail "a probe without a CA"
same "$?" 3 "the exit code without a CA"
start_nginx
start_ca --port-map "80=$http,443=$https"

# good: any content; the right one; the plain answer for programs
probes 0 good.test
contains "$said" "good.test by http-01 (production): valid"
contains "$said" "GET http://good.test/$challenges/fakeca-probe at 127.0.0.1:$http (IPv4 127.0.0.1, DNS rule: default"
contains "$said" "-> 200; 12 bytes compared"
contains "$said" "curl -v"
probes 0 good.test/fakeca-probe --expect some-content
contains "$said" ", equal"
probes 0 good.test --json
same "$(jq -r .status <<<"$said")" valid "--json"
same "$(jq -r '.hops[0].text' <<<"$said" | cut -d: -f1)" primary "the first hop"
probes 0 good.test --environment staging --family 4 --perspective 1
contains "$said" "(staging)"
probes 0 good.test --address 127.0.0.9
contains "$said" "from 127.0.0.9:"
probes 0 nowhere.test --connect "127.0.0.1:$http" # the first server answers unknown names
ca dns set gone.test NXDOMAIN >/dev/null

# the line that it prints repeats the request
eval "$(jq -r .repeat <<<"$("$fakeca" probe good.test --state "$work/ca" --json)")" >"$work/repeated.txt" 2>"$work/curl.log"
same "$(cat "$work/repeated.txt")" some-content "what the printed line fetches"

# HTTPS with a certificate of its own: taken, and shown
probes 0 tls.test
contains "$said" "-> 301 Location: https://tls.test/$challenges/fakeca-probe, followed"
contains "$said" "certificate not verified"
contains "$said" "CN=placeholder"
contains "$said" "self-signed"
contains "$said" "HSTS ignored: max-age=31536000"
eval "$(jq -r .repeat <<<"$("$fakeca" probe tls.test --state "$work/ca" --json)")" >"$work/repeated.txt" 2>"$work/curl.log"
same "$(cat "$work/repeated.txt")" some-content "what the printed line fetches behind a redirect"

# what the CA would refuse
probes 1 port.test
contains "$said" "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8443"
contains "$said" "refused (rule: port)"
contains "$said" "port_in_redirect off"
probes 1 lost.test
contains "$said" "Invalid response from https://lost.test/: \"welcome welcome"
contains "$said" "128 bytes or more"
probes 1 good.test/missing
contains "$said" "Invalid response from http://good.test/$challenges/missing: 404"
contains "$said" "the server answered 404"
probes 1 wrong.test --expect some-content
contains "$said" "first difference at byte 5 (counted from 0): expected \"some-content\", got \"some-kontent\""
contains "$said" "the file has other content"
closed=$(free_port)
probes 1 good.test --connect "127.0.0.1:$closed"
contains "$said" "127.0.0.1: Fetching http://good.test/$challenges/fakeca-probe: Connection refused"
contains "$said" "nothing listens on the port of 127.0.0.1"
probes 1 gone.test
contains "$said" "the name does not exist in DNS"
contains "$said" "dig @"
probes 1 good.test --family 6
contains "$said" "no valid A records found"

# usage
probes 2
probes 2 good.test --family 5
probes 2 good.test/to/ken
contains "$said" "token"
probes 2 '*.good.test'
contains "$said" "wildcard"
probes 2 a_b.test
contains "$said" "Domain name contains an invalid character"
probes 2 good.test --connect 127.0.0.1
probes 2 good.test --environment productoin
contains "$said" "production"

# a real order that fails: the same trace under the authorization's number
certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --webroot -w "$work/www" -d port.test &&
    fail "certbot obtains through a redirect to port 8443"
id=$(ca log --json --types validation.invalid | jq -r .authorization | tail -n 1)
said=$(ca log --validation "$id")
contains "$said" "port.test by http-01, authorization $id (production): invalid"
contains "$said" "refused (rule: port)"
contains "$said" "cause    the redirect names port 8443"
contains "$said" "repeat   curl -v"
same "$(ca log --validation "$id" --json | jq -r .problem.type)" urn:ietf:params:acme:error:connection "the problem"
said=$(ca log --validation 999999 2>&1) && fail "a validation that is not there is shown"
contains "$said" "authorization"
stop_ca
