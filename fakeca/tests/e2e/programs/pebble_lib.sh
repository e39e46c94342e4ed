# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh sets, and what the tests read
# What the tests of `fakeca pebble` and `fakeca pebble-challtestsrv` share: source it after lib.sh.

python=/usr/bin/python3 # Debian's, which has the modules of the packages
asker=$(dirname "$0")/programs/pebble_ask.py
export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0

# pebble_certificate: $work/cert.pem and key.pem, for localhost
pebble_certificate() {
    [ -s "$work/cert.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
}

# pebble_config NAME [JQ]: $work/NAME.json with free ports, changed by the jq expression; sets acme_port, management_port
pebble_config() {
    pebble_certificate
    acme_port=$(free_port) management_port=$(free_port)
    jq -n --arg work "$work" --argjson acme "$acme_port" --argjson management "$management_port" \
        --argjson http "${http_port:-5002}" --argjson tls "${tls_port:-5001}" '{pebble: {listenAddress: "127.0.0.1:\($acme)",
        managementListenAddress: "127.0.0.1:\($management)", certificate: "\($work)/cert.pem", privateKey: "\($work)/key.pem",
        httpPort: $http, tlsPort: $tls, ocspResponderURL: "", externalAccountBindingRequired: false}}' | jq "${2:-.}" >"$work/$1.json"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
said() { grep -q "$2" "$1"; }

# start_pebble NAME PROGRAM... -- [FLAGS]: with the config file of that name; its process is $pebble_pid
start_pebble() {
    local name=$1 program=()
    shift
    while [ "$1" != -- ]; do
        program+=("$1")
        shift
    done
    shift
    "${program[@]}" -config "$work/$name.json" "$@" >"$work/$name.log" 2>"$work/$name.err.log" &
    pebble_pid=$!
    pids+=("$pebble_pid")
    wait_for 20 said "$work/$name.log" "ACME directory available at: https://127.0.0.1:$acme_port/dir" || fail "$name does not start"
    wait_for 20 listening "$acme_port" || fail "$name does not listen"
    pebble_directory=https://127.0.0.1:$acme_port/dir pebble_management=https://127.0.0.1:$management_port
}

# start_challtestsrv PROGRAM... -- [FLAGS]: on free ports; sets http_port, https_port, tls_port, dns_port, chall
start_challtestsrv() {
    local program=() api
    while [ "$1" != -- ]; do
        program+=("$1")
        shift
    done
    shift
    http_port=$(free_port) https_port=$(free_port) tls_port=$(free_port) dns_port=$(free_port) api=$(free_port)
    "${program[@]}" -http01 "127.0.0.1:$http_port" -https01 "127.0.0.1:$https_port" -tlsalpn01 "127.0.0.1:$tls_port" \
        -dns01 "127.0.0.1:$dns_port" -management "127.0.0.1:$api" -defaultIPv6 "" "$@" >"$work/challtestsrv-$api.log" 2>&1 &
    challtestsrv_pid=$!
    pids+=("$challtestsrv_pid")
    chall=http://127.0.0.1:$api
    wait_for 20 listening "$api" || fail "challtestsrv does not start"
    wait_for 20 listening "$http_port" || fail "challtestsrv does not listen"
}
chall_post() { curl -sS -o /dev/null -w '%{http_code}' --data "$2" "$chall/$1"; }

# own_namespaces FLAG...: sets `unshared`, what starts a command in namespaces of its own. False where there are none to be had: a
# chroot's root is no mount point, so what is mounted could not be kept from others.
own_namespaces() {
    unshared=(unshare "$@")
    [ "$(id -u)" -eq 0 ] || unshared+=(--map-root-user)
    "${unshared[@]}" true 2>/dev/null
}
