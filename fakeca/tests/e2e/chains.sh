#!/usr/bin/env bash
# Alternate chains (RFC 8555 section 7.4.2) as Let's Encrypt has them: certbot and lego choose one by --preferred-chain, in the
# generation of today and in that of 2025; every file of trust holds all roots; AIA leads to the issuer.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

http=$(free_port)
start_ca --port-map "80=$http"
x1='fakeca TEST Root X1 (production) - do not trust' x2='fakeca TEST Root X2 (production) - do not trust'
ye='fakeca TEST Root YE (production) - do not trust' yr='fakeca TEST Root YR (production) - do not trust'

# root CN FILE: that root alone
root() {
    api GET /api/v1/trust | jq -r --arg cn "$1" '.environments[].certificates[] | select(.root and (.subject | endswith("CN=" + $cn))).pem' >"$2"
    [ -s "$2" ] || fail "there is no root '$1'"
}
count() { grep -c 'BEGIN CERTIFICATE' "$1"; }
# leads LEAF CHAIN COUNT CN: so many CA certificates, that verify to that root alone
leads() {
    same "$(count "$2")" "$3" "CA certificates of a chain to $4"
    contains "$(openssl crl2pkcs7 -nocrl -certfile "$2" | openssl pkcs7 -print_certs -noout | grep -v '^$' | tail -n 1)" "CN = $4" "the top of the chain"
    root "$4" "$work/root.pem"
    openssl verify -x509_strict -purpose sslserver -attime "$(simulated_now)" -CAfile "$work/root.pem" -untrusted "$2" "$1" \
        >"$work/verify.log" 2>&1 || fail "the chain does not verify to $4 alone"
}

certbot_chain() { # NAME COUNT CN [ARGS]
    local name=$1 number=$2 cn=$3
    shift 3
    certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --standalone --http-01-port "$http" -d "$name" "$@" ||
        fail "certbot does not obtain $name"
    leads "$work/le/live/$name/cert.pem" "$work/le/live/$name/chain.pem" "$number" "$cn"
}
certbot_chain x2.test 2 "$x2" --preferred-chain "$x2"
certbot_run renew --force-renewal --cert-name x2.test --no-random-sleep-on-renew || fail "certbot does not renew"
leads "$work/le/live/x2.test/cert.pem" "$work/le/live/x2.test/chain.pem" 2 "$x2" # it remembers what it was told

lego_chain() { # NAME COUNT CN [ARGS]
    local name=$1 number=$2 cn=$3
    shift 3
    lego_run "$http" "$name" --key-type "${key_type:-ec256}" run "$@" || fail "lego does not obtain $name"
    leads "$work/lego/certificates/$name.crt" "$work/lego/certificates/$name.issuer.crt" "$number" "$cn"
}
lego_chain ye.test 1 "$ye" --preferred-chain "$ye"
lego_chain none.test 3 "$x1" --preferred-chain "ISRG Root X9"
key_type=rsa2048 lego_chain yr.test 1 "$yr" --preferred-chain "$yr"

# what the commands show and give
leaf=$work/lego/certificates/ye.test.crt
serial=$(serial_of "$leaf" | tr '[:upper:]' '[:lower:]')
shown=$(ca certs "$serial")
contains "$shown" 'chain 0      ye1 > root-ye-by-x2 > root-x2-by-x1 > root-x1 (not served), the default'
contains "$shown" 'chain 2      ye1 > root-ye (not served)'
ca certs "$serial" --pem --chain 2 >"$work/alternate.pem"
same "$(tail -n 3 "$work/alternate.pem")" "$(tail -n 3 "$work/lego/certificates/ye.test.issuer.crt")" "the alternate chain of 'fakeca certs'"
contains "$(ca status)" 'chains to root-x1, root-x2, root-ye'
if ca certs "$serial" --pem --chain 3 >"$work/none.log" 2>&1; then fail "there is a fourth chain"; fi

# AIA leads to the certificate that was served with it; the one above it to its issuer's own
curl -sSf "$(openssl x509 -noout -ext authorityInfoAccess -in "$leaf" | sed -n 's/.*URI://p')" | openssl x509 -inform DER -out "$work/aia.pem"
same "$(openssl x509 -noout -fingerprint -in "$work/aia.pem")" "$(openssl x509 -noout -fingerprint -in "$work/lego/certificates/ye.test.issuer.crt")" "AIA of the leaf"
curl -sSf "$(openssl x509 -noout -ext authorityInfoAccess -in "$work/aia.pem" | sed -n 's/.*URI://p')" | openssl x509 -inform DER -out "$work/above.pem"
contains "$(openssl x509 -noout -subject -in "$work/above.pem")" "$ye" "AIA of the intermediate"

# who trusts the CA trusts each root of each environment: four and four, and the directory's own
all_roots() { [ "$(count "$ca_file")" -eq 9 ]; }
wait_for 60 all_roots || fail "$ca_file holds $(count "$ca_file") certificates"
ca trust >"$work/trust.pem"
same "$(count "$work/trust.pem")" 9 "certificates of 'fakeca trust'"
same "$(ca trust --only roots --environment staging | grep -c 'BEGIN CERTIFICATE')" 4 "roots of staging"

# the year before: other issuers, made now that they are in use, below the roots that were trusted already
ca clock set 2025-09-01 >/dev/null
contains "$(ca status)" 'CN=fakeca TEST E5 (production) - do not trust, P-256; chains to root-x1, root-x2' "the status of 2025"
cp "$ca_file" "$work/trusted.pem"
lego_chain e5.test 1 "$x1"
contains "$(openssl x509 -noout -issuer -in "$work/lego/certificates/e5.test.crt")" 'TEST E5 (production)' "the issuer of 2025"
lego_chain e5x2.test 1 "$x2" --preferred-chain "$x2"
key_type=rsa2048 lego_chain r10.test 1 "$x1"
openssl verify -attime "$(simulated_now)" -CAfile "$work/trusted.pem" -untrusted "$work/lego/certificates/e5.test.issuer.crt" \
    "$work/lego/certificates/e5.test.crt" >"$work/verify.log" 2>&1 || fail "a root of 2025 was not in the file of trust"

# the ends of time: in its first second leaves begin before it; at the last one, where a clock that follows stands still, they end after it
ca clock set 2000-01-01 >/dev/null
lego_chain first.test 1 "$x1"
contains "$(openssl x509 -noout -startdate -in "$work/lego/certificates/first.test.crt")" 'Dec 31 23:01:' "the begin of the first leaf"
ca clock set 2199-12-31T23:59:59Z >/dev/null
lego_chain last.test 3 "$x1"
contains "$(openssl x509 -noout -enddate -in "$work/lego/certificates/last.test.crt")" '2200 GMT' "the end of the last leaf"
at_its_end() { [ "$(ca clock show --json | jq -r .now)" = 2199-12-31T23:59:59Z ]; }
wait_for 30 at_its_end || fail "the clock does not come to its end"
lego_chain again.test 2 "$x2" --preferred-chain "$x2"
at_its_end || fail "the clock went beyond its end"
