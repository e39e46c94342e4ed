#!/usr/bin/env bash
# As test suites of clients use the two: python3-acme with all kinds of challenges, sixteen of it at once, and dehydrated with hooks that
# speak to the challenge server; the same against the originals of Debian's package.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

programs=$(dirname "$0")/programs
suite() { # NUMBER
    "$python" "$programs/pebble_acme.py" "$pebble_directory" "$pebble_management" "$chall" "p$1" >"$work/suite-$1.log" 2>&1
}

soon='.pebble.retryAfter = {authz: 1, order: 1}'
# npm's acme-client, where ci/test could install it
modules=$(cd "$(dirname "$0")/../../.." && pwd)/build/npm/node_modules
npm_suite() { # NAME [KID HMAC]
    [ -d "$modules/acme-client" ] || return 0
    NODE_EXTRA_CA_CERTS=$work/cert.pem node "$programs/pebble_npm.js" "$modules" "$pebble_directory" "$chall" "$@" >"$work/npm-$1.log" 2>&1 ||
        fail "acme-client ($1)"
}
[ -d "$modules/acme-client" ] || echo "skipped: the npm package acme-client is not in build/npm"

# once against the originals: the suites themselves are right
start_challtestsrv pebble-challtestsrv --
pebble_config theirs "$soon"
PEBBLE_AUTHZREUSE=0 start_pebble theirs pebble -- -dnsserver "127.0.0.1:$dns_port"
suite 0 &
theirs=$!
npm_suite theirs

start_challtestsrv "$fakeca" pebble-challtestsrv --
pebble_config ours "$soon"
start_pebble ours "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
mapfile -t numbers < <(seq 16)
suites=()
for number in "${numbers[@]}"; do
    suite "$number" &
    suites+=("$!")
done
wait "$theirs" || fail "python3-acme against Debian's pebble"
for i in "${!suites[@]}"; do
    wait "${suites[i]}" || fail "python3-acme, number ${numbers[i]} of 16 at once"
done

npm_suite ours

# each client needs an external account
secret=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
pebble_config external ".pebble.externalAccountBindingRequired = true | .pebble.externalAccountMACKeys = {\"kid-1\": \"$secret\"}"
usual=$pebble_directory
start_pebble external "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
npm_suite external kid-1 "$secret"
pebble_directory=$usual

# what newer versions have
pebble_config new '.pebble.caaIdentities = ["pebble.letsencrypt.org"] | .pebble.profiles = {default: {description: "usual", validityPeriod: 7776000},
    shortlived: {description: "short", validityPeriod: 518400}}'
PEBBLE_AUTHZREUSE=0 start_pebble new "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
"$python" "$programs/pebble_new.py" "$pebble_directory" "$pebble_management" "$chall" >"$work/new.log" 2>&1 || fail "what Debian's version has not"
# uacme obeys no trust setting: it sees a machine that trusts the certificate; a challenge without a token stops it
uacme_run() {
    # shellcheck disable=SC2016 # for the shell in there
    "${unshared[@]}" bash -c 'mount --bind "$1" /etc/ssl/certs/ca-certificates.crt && shift && exec uacme "$@"' - "$work/cert.pem" \
        -y -a "$pebble_directory" -c "$work/uacme" "$@" </dev/null >"$work/uacme.log" 2>&1
}
cat >"$work/uacme-hook" <<HOOK
#!/bin/sh
[ "\$2" = http-01 ] || exit 1
[ "\$1" != begin ] || curl -fsS --data "{\"token\":\"\$4\",\"content\":\"\$5\"}" $chall/add-http01
HOOK
chmod +x "$work/uacme-hook"
mkdir -p "$work/uacme"
if own_namespaces --mount; then
    uacme_run new || fail "uacme does not register"
    uacme_run -h "$work/uacme-hook" issue u1.example.com u2.example.com u3.example.com u4.example.com || fail "uacme does not obtain"
    uacme_run revoke "$work/uacme/u1.example.com/cert.pem" || fail "uacme does not revoke"
else
    echo "skipped: uacme, for there is no mount namespace to be had here"
fi
pebble_directory=$usual

# dehydrated: curl's trust, a hook for http-01 and dns-01
cat >"$work/hook" <<HOOK
#!/bin/sh
case \$1 in
deploy_challenge)
    curl -fsS --data "{\"token\":\"\$3\",\"content\":\"\$3.\$THUMB\"}" $chall/add-http01 >/dev/null || true
    curl -fsS --data "{\"host\":\"_acme-challenge.\$2.\",\"value\":\"\$4\"}" $chall/set-txt ;;
clean_challenge)
    curl -fsS --data "{\"host\":\"_acme-challenge.\$2.\"}" $chall/clear-txt ;;
esac
HOOK
chmod +x "$work/hook"
cat >"$work/dehydrated.conf" <<CONF
CA=$pebble_directory
BASEDIR=$work/dehydrated
CHALLENGETYPE=dns-01
HOOK=$work/hook
CURL_OPTS="--cacert $work/cert.pem"
CONF
mkdir -p "$work/dehydrated"
printf 'd.example.com www.d.example.com\n*.w.example.com > wild\n' >"$work/dehydrated/domains.txt"
dehydrated -f "$work/dehydrated.conf" --register --accept-terms >"$work/dehydrated.log" 2>&1 || fail "dehydrated does not register"
dehydrated -f "$work/dehydrated.conf" --cron >"$work/dehydrated.log" 2>&1 || fail "dehydrated does not obtain"
for name in d.example.com wild; do
    openssl x509 -noout -in "$work/dehydrated/certs/$name/cert.pem" 2>/dev/null || fail "no certificate of dehydrated for $name"
done
dehydrated -f "$work/dehydrated.conf" --revoke "$work/dehydrated/certs/d.example.com/cert.pem" >"$work/dehydrated.log" 2>&1 || fail "dehydrated does not revoke"

# no -dnsserver: the names of this host
http_port=$(free_port)
pebble_config host
start_pebble host "$fakeca" pebble --
directory=$pebble_directory ca_file=$work/cert.pem
lego_run "$http_port" localhost run || fail "lego does not obtain for a name of /etc/hosts"
