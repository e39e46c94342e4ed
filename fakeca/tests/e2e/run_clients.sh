#!/usr/bin/env bash
# ACME clients under fakeca run: nothing to do one day before the day of their own rule, a renewal on it; by their plain command, with the
# environment that the launcher gives them. acme.sh runs where FAKECA_TEST_ACME_SH names its script.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need certbot lego dehydrated uacme

start_nginx
start_ca --port-map "80=$http,443=$https" --acme-http-listen 127.0.0.1:0
names=(certbot lego dehydrated uacme)

certbot() {
    run -- certbot "$@" --config-dir "$work/le" --work-dir "$work/le-work" --logs-dir "$work/le-log" -n </dev/null >"$work/certbot.log" 2>&1
}
issue_certbot() { certbot certonly --agree-tos --register-unsafely-without-email --server "$directory" --webroot -w "$work/www" -d certbot.test; }
renew_certbot() { certbot renew --no-random-sleep-on-renew; }
file_certbot() { echo "$work/le/live/certbot.test/cert.pem"; }

lego() {
    run -- lego --path "$work/lego" --server "$directory" --accept-tos --email ops@rehearsal.dev --domains lego.test --http --http.webroot "$work/www" "$@" \
        </dev/null >"$work/lego.log" 2>&1
}
issue_lego() { lego run; }
renew_lego() { lego renew --days 30 --no-random-sleep; }
file_lego() { echo "$work/lego/certificates/lego.test.crt"; }

dehydrated() { run -- dehydrated -f "$work/dehydrated/config" "$@" </dev/null >"$work/dehydrated.log" 2>&1; }
issue_dehydrated() {
    mkdir -p "$work/dehydrated" "$work/www/.well-known/acme-challenge"
    printf 'CA="%s"\nBASEDIR="%s"\nWELLKNOWN="%s"\nCHALLENGETYPE=http-01\n' "$directory" "$work/dehydrated" "$work/www/.well-known/acme-challenge" \
        >"$work/dehydrated/config"
    echo dehydrated.test >"$work/dehydrated/domains.txt"
    dehydrated --register --accept-terms && dehydrated --cron
}
renew_dehydrated() { dehydrated --cron; }
file_dehydrated() { echo "$work/dehydrated/certs/dehydrated.test/cert.pem"; }

# 1.7.4 obeys no trust setting: it talks to the listener without TLS
uacme() {
    local code=0
    UACME_CHALLENGE_PATH=$work/www/.well-known/acme-challenge run -- uacme -y -c "$work/uacme" -a "$(run_json directory_http)" "$@" \
        </dev/null >"$work/uacme.log" 2>&1 || code=$?
    [ "$code" -le 1 ] # 1: nothing to do
}
issue_uacme() { uacme new && renew_uacme; }
renew_uacme() { uacme -h /usr/share/uacme/uacme.sh issue uacme.test; }
file_uacme() { echo "$work/uacme/uacme.test/cert.pem"; }

acmesh() {
    run -- sh "${FAKECA_TEST_ACME_SH-}" --home "$work/acme.sh" --server "$directory" "$@" </dev/null >"$work/acmesh.log" 2>&1
}
issue_acmesh() { acmesh --issue -d acmesh.test -w "$work/www"; }
renew_acmesh() { acmesh --cron; }
file_acmesh() {
    local folder=$work/acme.sh/acmesh.test
    [ -d "$folder" ] || folder=${folder}_ecc
    echo "$folder/acmesh.test.cer"
}

declare -A first due=([certbot]=60 [lego]=59 [dehydrated]=60 [uacme]=60 [acmesh]=60)
if [ -n "${FAKECA_TEST_ACME_SH-}" ]; then
    names+=(acmesh)
else
    echo "skip: acme.sh (FAKECA_TEST_ACME_SH does not name it)"
fi

for name in "${names[@]}"; do
    "issue_$name" || fail "$name does not obtain"
    first[$name]=$(serial_of "$("file_$name")")
done
day=0
for until in 58 59 60; do
    ca clock advance $((until - day))d >/dev/null
    day=$until
    for name in "${names[@]}"; do
        "renew_$name" || fail "$name: renewing ends badly on day $day"
        serial=$(serial_of "$("file_$name")")
        if [ "$day" -lt "${due[$name]}" ]; then
            same "$serial" "${first[$name]}" "$name renewed on day $day, its day is ${due[$name]}"
        elif [ "$day" -eq "${due[$name]}" ]; then
            differs "$serial" "${first[$name]}" "$name on day $day"
            echo "row: $name renewed on day $day, not before"
        fi
    done
done
