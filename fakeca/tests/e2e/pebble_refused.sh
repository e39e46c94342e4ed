#!/usr/bin/env bash
# Bad input at the start and on the management paths: the original's exit code or status, and a message that says what and where.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

cd "$work"
pebble_config good
jq '.pebble.httpPort = "80"' good.json >text-port.json
jq '.pebble.certificate = "missing.pem"' good.json >no-cert.json
jq '.pebble.privateKey = "cert.pem"' good.json >wrong-key.json
jq '.pebble.listenAddress = "127.0.0.1:99999"' good.json >no-port.json
openssl ecparam -genkey -name prime256v1 -noout -out other.pem 2>/dev/null
jq '.pebble.privateKey = "other.pem"' good.json >other-key.json
openssl genpkey -algorithm ed25519 -out ed25519.pem 2>/dev/null
jq '.pebble.privateKey = "ed25519.pem"' good.json >key-type.json
openssl ec -in other.pem -aes128 -passout pass:x -out locked.pem 2>/dev/null
jq '.pebble.privateKey = "locked.pem"' good.json >locked-key.json
: >nothing.pem
jq '.pebble.certificate = "nothing.pem"' good.json >empty-cert.json
jq 'del(.pebble.privateKey)' good.json >half.json
printf '{"pebble": {' >broken.json
printf '%s and more' "$(cat good.json)" >more.json
printf '[]' >list.json
: >empty.json
exits() { # PROGRAM... : exit code; output in out.log
    local status=0
    timeout 10 "$@" >out.log 2>&1 </dev/null || status=$?
    echo "$status"
}
refused() { # MESSAGE FLAGS...
    local message=$1 theirs
    shift
    theirs=$(exits pebble "$@")
    same "$(exits "$fakeca" pebble "$@")" "$theirs" "the exit code of pebble $*"
    contains "$(cat out.log)" "$message" "pebble $*"
}
refused "test/config/pebble-config.json"
refused "missing.json" -config missing.json
refused "line 1" -config broken.json
refused "empty.json" -config=empty.json
refused "'pebble.httpPort' must be a whole number" -config text-port.json
refused "missing.pem" --config no-cert.json
refused "" -config wrong-key.json
refused "" -config other-key.json
refused "" -config key-type.json
refused "" -config locked-key.json
refused "" -config empty-cert.json
refused "'pebble.privateKey' is missing" -config half.json
refused "line " -config more.json
refused "list.json" -config list.json
refused "" -config .
# each key with a value of another type: what Go refuses we refuse, with the key's name
for odd in listenAddress=7 managementListenAddress='[]' certificate=true privateKey='{}' httpPort='"x"' tlsPort=1.5 ocspResponderURL=1 \
    externalAccountBindingRequired='"yes"' externalAccountMACKeys='[]' domainBlocklist='"a.test"' certificateValidityPeriod='"1h"' \
    certificateValidityPeriod=-1; do
    jq --argjson value "${odd#*=}" ".pebble.${odd%%=*} = \$value" good.json >odd-type.json
    refused "${odd%%=*}" -config odd-type.json
done
# keys that Debian's version does not know yet
for odd in retryAfter=3 retryAfter='{"authz":"soon"}' profiles='[]' caaIdentities='"a.test"' keyAlgorithm=7; do
    jq --argjson value "${odd#*=}" ".pebble.${odd%%=*} = \$value" good.json >odd-type.json
    same "$(exits "$fakeca" pebble -config odd-type.json)" 1 "the exit code for $odd"
    contains "$(cat out.log)" "'pebble." "$odd"
done
jq '.pebble.externalAccountMACKeys = {"kid-1": "no base64 at all!"}' good.json >odd-type.json
refused "externalAccountMACKeys" -config odd-type.json
refused "no address to listen on" -config no-port.json
refused "unknown option '--confg', did you mean '--config'?" -confg good.json
same "$(exits "$fakeca" pebble -version)" 0 "the exit code of -version"
contains "$(cat out.log)" "Pebble version: " "-version"
[[ $(cat out.log) =~ version:\ v?([0-9]+)\.([0-9]+) && ${BASH_REMATCH[1]} -eq 2 && ${BASH_REMATCH[2]} -ge 8 ]] || fail "suites take this for an old version"
jq '.pebble.keyAlgorithm = "dsa"' good.json >algorithm.json
same "$(exits "$fakeca" pebble -config algorithm.json)" 1 "the exit code for an unknown algorithm"
contains "$(cat out.log)" "'pebble.keyAlgorithm' must be \"rsa\" or \"ecdsa\"" "an unknown algorithm"

# keys that are not known, in any case and at any place, are told; values of variables that are none too
jq '.pebble += {httpprt: 1, RetryAfter: {authz: 1, odrer: 2}, profiles: {short: {description: "any text", validityPeriod: 3600}}}' good.json >odd.json
PEBBLE_CHAIN_LENGTH=0 PEBBLE_AUTHZREUSE=many start_pebble odd "$fakeca" pebble --
for line in "unknown key 'httpprt' is passed over, did you mean 'httpPort'?" "unknown key 'odrer' is passed over, did you mean 'retryAfter.order'?" \
    "PEBBLE_CHAIN_LENGTH='0' is passed over" "PEBBLE_AUTHZREUSE='many' is passed over"; do
    contains "$(cat odd.err.log)" "$line" "the warnings"
done
same "$(curl -sSk "$pebble_directory" | jq -c .meta.profiles)" '{"short":"any text"}' "the profiles of the config file"

# a port that is taken by the one that runs, for ACME and for management
refused "cannot listen on 127.0.0.1:$acme_port" -config odd.json
contains "$(cat out.log)" "'listenAddress' in the config file" "a port that is taken"
jq --arg port "$acme_port" --arg free "$(free_port)" \
    '.pebble.managementListenAddress = "127.0.0.1:" + $port | .pebble.listenAddress = "127.0.0.1:" + $free' good.json >taken.json
refused "cannot listen on 127.0.0.1:$acme_port" -config taken.json
contains "$(cat out.log)" "'managementListenAddress' in the config file" "a management port that is taken"

# a second one beside it takes another place and another management port
taken=$pebble_management
pebble_config second '.pebble.managementListenAddress = null'
start_pebble second "$fakeca" pebble -- || fail "a second one does not start"
contains "$(cat second.log)" "Management interface is disabled" "the log of one without management paths"
contains "$(cat second.log)" "fakeca's own management API: http://localhost:" "its log"
pebble_management=$taken

# ---- management paths ----
status() { curl -sSk -o answer.txt -w '%{http_code}' "$@"; }
for body in '' 'no json' '[]' '{}' '{"certificate":7,"ariResponse":"x"}' '{"certificate":"no PEM","ariResponse":"{}"}'; do
    same "$(status --data "$body" "$pebble_management/set-renewal-info/")" 400 "the status of /set-renewal-info/ for '$body'"
    [ -s answer.txt ] || fail "no text for '$body'"
done
same "$(status "$pebble_management/set-renewal-info/")" 405 "GET /set-renewal-info/"
same "$(status "$pebble_management/roots/-1")" 404 "a root that is none"
same "$(status "$pebble_management/cert-status-by-serial/$(printf 'a%.0s' $(seq 200))")" 400 "a serial of 200 digits"

# HTTP/1.0 without a Host
old_http() { printf '%s HTTP/1.0\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$1" "${#2}" "$2" |
    timeout 20 openssl s_client -quiet -connect "${pebble_management#https://}" 2>/dev/null; }
contains "$(old_http "GET /roots/0" "")" "BEGIN CERTIFICATE" "a request of HTTP/1.0"
contains "$(old_http "POST /set-renewal-info/" "{}")" " 400 " "a request of HTTP/1.0"

# renewal information by hand is what the client gets
http_port=$(free_port)
pebble_config ari ".pebble.httpPort = $http_port | .pebble.keyAlgorithm = \"rsa\" | .pebble.ocspResponderURL = \"http://127.0.0.1:4002\""
PEBBLE_VA_ALWAYS_VALID=1 start_pebble ari "$fakeca" pebble --
directory=$pebble_directory ca_file=$work/cert.pem
lego_run "$http_port" ari.example.com run || fail "lego does not obtain"
openssl x509 -noout -ocsp_uri -in lego/certificates/ari.example.com.crt | grep -qx http://127.0.0.1:4002 || fail "the OCSP responder is not in the certificate"
contains "$(openssl x509 -noout -text -in lego/certificates/ari.example.com.issuer.crt)" "rsaEncryption" "keyAlgorithm rsa"
same "$(curl -sSk "$pebble_management/root-keys/0" | openssl pkey -pubout 2>/dev/null)" \
    "$(curl -sSk "$pebble_management/roots/0" | openssl x509 -noout -pubkey)" "the key of the root"
contains "$(curl -sSk "$pebble_management/intermediate-keys/0")" "BEGIN RSA PRIVATE KEY" "the key of the intermediate"
openssl x509 -in lego/certificates/ari.example.com.crt >leaf.pem
jq -n --rawfile certificate leaf.pem '{Certificate: $certificate, ARIResponse: "any text at all"}' >ari-body.json
same "$(status --data @ari-body.json "$pebble_management/set-renewal-info/")" 200 "/set-renewal-info/"
b64url() { base64 -w0 | tr '/+' '_-' | tr -d =; }
aki=$(openssl x509 -noout -ext authorityKeyIdentifier -in leaf.pem | tail -n 1 | sed 's/keyid//; s/[^0-9A-F]//g' | basenc -d --base16 | b64url)
serial=$(openssl x509 -noout -serial -in leaf.pem | sed 's/serial=//' | basenc -d --base16 | b64url)
same "$(curl -sSk "$(curl -sSk "$pebble_directory" | jq -r .renewalInfo)/$aki.$serial")" "any text at all" "the renewal information"

# 0.0.0.0 is every address of both families, as in Go: clients find "localhost" at ::1 too
pebble_config wide
jq --arg port "$acme_port" '.pebble.listenAddress = "0.0.0.0:" + $port' wide.json >wide.tmp && mv wide.tmp wide.json
"$fakeca" pebble -config wide.json >wide.log 2>wide.err.log &
pids+=("$!")
wait_for 20 said wide.log "ACME directory available at: https://0.0.0.0:$acme_port/dir" || fail "one that is open to all does not start"
for host in 127.0.0.1 '[::1]'; do
    [ "$host" = 127.0.0.1 ] || grep -q . /proc/net/if_inet6 2>/dev/null || continue
    same "$(status "https://$host:$acme_port/dir")" 200 "the directory at $host"
done
same "$(grep -c 'other machines reach this' wide.err.log)" 1 "warnings of a listener that is open to all"
