#!/usr/bin/env bash
# As suites of clients start the two: an ordinary user without a home, with the very few variables that some suites leave, in a folder of
# its own with Pebble's own paths; sixteen pairs at once, each killed at its end as suites do, and one pair more after that.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

programs=$(cd "$(dirname "$0")/programs" && pwd)
mkdir -p "$work/bin"
# beside their helpers is where programs are installed; others than root may not see the folder of the build
cp "$fakeca" "$work/bin/fakeca"
ln -s fakeca "$work/bin/pebble_v2.10.0_linux-amd64"
ln -s fakeca "$work/bin/pebble-challtestsrv_v2.10.0_linux-amd64"
chmod 755 "$work" "$work/bin"
ordinary=()
[ "$(id -u)" -ne 0 ] || ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# pair NUMBER PORT...: both programs from a folder of their own, a client through them, an end by SIGKILL
pair() {
    local number=$1 folder=$work/suite-$1 acme=$2 manage=$3 http=$4 tls=$5 dns=$6 api=$7 pebble chall status=0
    mkdir -p "$folder/test/config" "$folder/test/certs/localhost"
    cp "$work/cert.pem" "$work/key.pem" "$folder/test/certs/localhost"
    jq -n --arg host "$host" --argjson acme "$acme" --argjson manage "$manage" --argjson http "$http" --argjson tls "$tls" '{pebble: {listenAddress: "\($host):\($acme)",
        managementListenAddress: "0.0.0.0:\($manage)", certificate: "test/certs/localhost/cert.pem", privateKey: "test/certs/localhost/key.pem",
        httpPort: $http, tlsPort: $tls, ocspResponderURL: "", externalAccountBindingRequired: false, domainBlocklist: ["blocked-domain.example"],
        retryAfter: {authz: 3, order: 5}, profiles: {default: {description: "The profile you know and love", validityPeriod: 7776000},
        shortlived: {description: "A short-lived cert profile, without actual enforcement", validityPeriod: 518400}}}}' \
        >"$folder/test/config/pebble-config.json"
    chmod -R a+rX "$folder"
    cd "$folder"
    "${ordinary[@]}" env -i PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 "$work/bin/pebble_v2.10.0_linux-amd64" -strict -dnsserver ":$dns" \
        >pebble.out 2>pebble.err &
    pebble=$!
    "${ordinary[@]}" env -i "$work/bin/pebble-challtestsrv_v2.10.0_linux-amd64" -management ":$api" -defaultIPv6 '""' -defaultIPv4 127.0.0.1 \
        -dnsserver ":$dns" -http01 ":$http" -tlsalpn01 ":$tls" -https01 "" -doh '""' >chall.out 2>chall.err &
    chall=$!
    wait_for 60 said pebble.out "ACME directory available at: https://.*:$acme/dir" || status=1
    wait_for 60 listening "$api" || status=1
    [ $status -ne 0 ] || timeout 120 "$python" "$programs/pebble_many.py" "https://$host:$acme/dir" "https://127.0.0.1:$manage" \
        "http://127.0.0.1:$api" 2 2 2 >many.log 2>&1 || status=1
    kill -KILL "$pebble" "$chall" || status=1
    wait "$pebble" "$chall" 2>/dev/null || true
    if [ $status -ne 0 ]; then
        cat pebble.out pebble.err chall.out chall.err many.log >"$work/pair-$number.log"
        return 1
    fi
    grep -q "Order .* is fully authorized. Processing finalization" pebble.out
    grep -qE "Issued certificate serial [a-f0-9]+ for order" pebble.out
}

pebble_certificate
host=127.0.0.1
[ -z "$(cat /proc/net/if_inet6 2>/dev/null || true)" ] || host='[::1]'
declare -A given
ports() { # six that no other pair has
    local port
    chosen=()
    while [ ${#chosen[@]} -lt 6 ]; do
        port=$(free_port)
        [ -n "${given[$port]:-}" ] || chosen+=("$port")
        given[$port]=yes
    done
}
# once more where another program of this machine took a port meanwhile
again() { grep -qs "cannot listen on" "$work/pair-$1.log" && ports && (trap - EXIT && pair "$1" "${chosen[@]}"); }
pairs=()
for number in $(seq 16); do
    ports
    (trap - EXIT && pair "$number" "${chosen[@]}") &
    pairs+=("$!")
done
for i in "${!pairs[@]}"; do
    wait "${pairs[i]}" || again $((i + 1)) || fail "pair $((i + 1)) of sixteen at once"
done
ports
(trap - EXIT && pair 17 "${chosen[@]}") || again 17 || fail "a pair after those that were killed"

# what stands in no file: the working directory is told, and what to do without it
cd "$work/suite-1"
rm test/certs/localhost/key.pem
"${ordinary[@]}" env -i "$work/bin/pebble_v2.10.0_linux-amd64" >"$work/no-key.log" 2>&1 && fail "no key is no error"
contains "$(cat "$work/no-key.log")" "test/certs/localhost/key.pem" "a key that is missing"
contains "$(cat "$work/no-key.log")" "$work/suite-1" "a key that is missing"
cd "$work"
"${ordinary[@]}" env -i "$work/bin/pebble_v2.10.0_linux-amd64" >"$work/no-config.log" 2>&1 && fail "no config file is no error"
contains "$(cat "$work/no-config.log")" "'test/config/pebble-config.json'" "a config file that is missing"
contains "$(cat "$work/no-config.log")" "$work" "a config file that is missing"
