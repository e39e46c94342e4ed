#!/usr/bin/env bash
# Debian's small clients: issue and revoke in production and in staging, and what each does under trouble: the outcomes that were measured
# (clients.md part 5): ok, or F: it gives up, and its next run succeeds.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
programs=$(cd "$(dirname "$0")/programs" && pwd)

for program in dehydrated uacme acme-tiny caddy; do
    command -v "$program" >/dev/null || fail "the program '$program' is not installed"
done
start_nginx
start_ca --port-map "80=$http,443=$https" --acme-http-listen 127.0.0.1:0
plain=$(run_json directory_http) staging=$(run_json staging_directory)
webroot=$work/www
mkdir -p "$webroot/.well-known/acme-challenge"

# Each: NAME DIRECTORY FOLDER HOST; a run that issues, with what is there already.
python_acme() { /usr/bin/python3 "$programs/acme_client.py" "$1" "$ca_file" "$2" "$webroot" "$3" issue; }
dehydrated_run() {
    mkdir -p "$2"
    printf 'CA="%s"\nBASEDIR="%s"\nWELLKNOWN="%s"\nCHALLENGETYPE=http-01\nCURL_OPTS="--cacert %s"\n' "$1" "$2" \
        "$webroot/.well-known/acme-challenge" "$ca_file" >"$2/config"
    echo "$3" >"$2/domains.txt"
    dehydrated -f "$2/config" --register --accept-terms && dehydrated -f "$2/config" --cron --force
}
# 1.7.4 obeys no trust setting: it talks to the listener without TLS
uacme_run() {
    local url=$plain
    case $1 in */staging/*) url=${plain%/dir}/staging/dir ;; esac
    mkdir -p "$2"
    if [ ! -e "$2/registered" ]; then
        uacme -y -c "$2" -a "$url" new || return
        touch "$2/registered"
    fi
    UACME_CHALLENGE_PATH=$webroot/.well-known/acme-challenge uacme -y -f -c "$2" -a "$url" -h /usr/share/uacme/uacme.sh issue "$3"
}
tiny_run() {
    mkdir -p "$2"
    [ -e "$2/account.key" ] || openssl genrsa -out "$2/account.key" 2048
    [ -e "$2/csr.pem" ] || openssl req -new -newkey rsa:2048 -nodes -keyout "$2/key.pem" -subj / -addext "subjectAltName=DNS:$3" -out "$2/csr.pem"
    SSL_CERT_FILE=$ca_file acme-tiny --account-key "$2/account.key" --csr "$2/csr.pem" --disable-check --directory-url "$1" \
        --acme-dir "$webroot/.well-known/acme-challenge" >"$2/chain.new" && mv "$2/chain.new" "$2/chain.pem"
}
clients=(python_acme dehydrated_run uacme_run tiny_run)
certificate() { find "$1" \( -name chain.pem -o -name cert.pem -o -name 'fullchain.pem' \) ! -path '*/chains/*' | head -n 1; }
try() { # CLIENT DIRECTORY FOLDER HOST
    "$1" "$2" "$3" "$4" </dev/null >>"$work/$1.log" 2>&1
}

# ---- production and staging ----

for environment in production staging; do
    url=$directory
    [ "$environment" = production ] || url=$staging
    for client in "${clients[@]}"; do
        host=${client//_/-}.$environment.test
        try "$client" "$url" "$work/$environment-$client" "$host" || fail "$client does not issue in $environment"
        found=$(ca certs --json --name "$host" --environment "$environment" | jq '.certificates | length')
        same "$found" 1 "certificates of $client in $environment"
    done
done

revoked() { ca certs --json --name "$1" | jq -r '.certificates[0].status'; }
/usr/bin/python3 "$programs/acme_client.py" "$directory" "$ca_file" "$work/production-python_acme" "$webroot" x revoke >>"$work/revoke.log" 2>&1 ||
    fail "python3-acme does not revoke"
same "$(revoked python-acme.production.test)" revoked "python3-acme's certificate"
dehydrated -f "$work/production-dehydrated_run/config" --revoke "$work/production-dehydrated_run/certs/dehydrated-run.production.test/cert.pem" \
    >>"$work/revoke.log" 2>&1 || fail "dehydrated does not revoke"
same "$(revoked dehydrated-run.production.test)" revoked "dehydrated's certificate"
uacme -c "$work/production-uacme_run" -a "$plain" revoke "$work/production-uacme_run/uacme-run.production.test/cert.pem" >>"$work/revoke.log" 2>&1 ||
    fail "uacme does not revoke"
same "$(revoked uacme-run.production.test)" revoked "uacme's certificate"

# ---- Caddy: issues by itself, and keeps the file ----

caddy_http=$(free_port) caddy_https=$(free_port)
cat >"$work/Caddyfile" <<CONF
{
    http_port $caddy_http
    https_port $caddy_https
    admin off
    storage file_system $work/caddy
    acme_ca $directory
    acme_ca_root $ca_file
    email ops@rehearsal.dev
}
caddy.test {
    respond ok
}
CONF
api PUT /api/v1/port-map "{\"map\":\"80=127.0.0.1:$caddy_http,443=127.0.0.1:$caddy_https\"}" >/dev/null
HOME=$work caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
pids+=("$!")
caddy_has() { [ "$(ca certs --json --name caddy.test | jq '.certificates | length')" = 1 ]; }
wait_for 60 caddy_has || fail "Caddy does not issue"
api PUT /api/v1/port-map "{\"map\":\"80=127.0.0.1:$http,443=127.0.0.1:$https\"}" >/dev/null

# ---- trouble: what clients.md part 5 reports ----

# expect KIND-AND-OPTIONS CLIENT=OUTCOME...: outcome ok, or F and then ok once the trouble is over
round=0
expect() {
    local options=$1 row client outcome got
    shift
    for row in "$@"; do
        client=${row%=*} outcome=${row#*=} round=$((round + 1))
        local folder=$work/trouble-$round
        mkdir -p "$folder"
        ca limits reset >/dev/null
        ca fault clear >/dev/null
        # shellcheck disable=SC2086 # several words
        ca fault add $options >/dev/null
        got=ok
        try "$client" "$directory" "$folder" "t$round.test" || got=F
        case $outcome in
            ok | F) [ "$got" = "$outcome" ] || fail "$client under '$options': $got, not $outcome" ;;
            any) ;;
        esac
        ca fault clear >/dev/null
        [ "$got" = ok ] || try "$client" "$directory" "$folder" "t$round.test" || fail "$client does not recover from '$options'"
    done
}
expect "bad-nonce --times 1 --at newOrder" python_acme=ok dehydrated_run=F uacme_run=ok tiny_run=ok
expect "bad-nonce --times 2 --at newOrder" python_acme=F tiny_run=ok
expect "rate-limited --times 1 --at newOrder --retry-after 2s" python_acme=F uacme_run=F tiny_run=F
expect "internal --times 1 --at newOrder" uacme_run=F tiny_run=F
expect "unavailable --times 1 --at newOrder --retry-after 2s" python_acme=F tiny_run=F
expect "unavailable-html --times 1 --at newOrder" python_acme=F uacme_run=F tiny_run=F
expect "unavailable-html --times 1 --at directory" tiny_run=F
expect "processing --delay 2s --retry-after 1s" python_acme=ok uacme_run=ok tiny_run=ok
expect "slow --delay 1s --at newOrder" uacme_run=ok tiny_run=ok
expect "drop-header --header Link" python_acme=F uacme_run=ok tiny_run=ok
expect "drop-header --header Location --at newOrder" dehydrated_run=F uacme_run=F tiny_run=F
expect "drop-header --header Replay-Nonce --at newAccount,newOrder,authorization,challenge,order" python_acme=F uacme_run=F tiny_run=ok
expect "cut --times 1 --at newOrder" tiny_run=any
expect "empty --times 1 --at newOrder" uacme_run=F tiny_run=F
expect "content-type --content-type application/octet-stream --at certificate" python_acme=ok uacme_run=ok tiny_run=ok
expect "drop-member --member meta" python_acme=ok uacme_run=ok tiny_run=ok
expect "add-member --member surprise" python_acme=ok uacme_run=ok tiny_run=ok
expect "offer --types http-01" tiny_run=ok uacme_run=ok
expect "offer --types surprise-01,http-01" python_acme=ok uacme_run=ok tiny_run=ok
expect "blocked-key --at finalize" uacme_run=F tiny_run=F
expect "refuse" dehydrated_run=F tiny_run=F
expect "dns-servfail --name t$((round + 1)).test" tiny_run=F
