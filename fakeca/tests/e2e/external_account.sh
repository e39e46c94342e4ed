#!/usr/bin/env bash
# External account binding by option and by config file, with certbot and lego: their keys, optional and required, over a restart; and
# what is wrong with a key is named at start.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

key=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
other=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
http=$(free_port)

certbot_get() { # NAME [options]: with an account of its own
    local name=$1
    shift
    rm -rf "$work/le"
    certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --standalone --http-01-port "$http" \
        --http-01-address 127.0.0.1 -d "$name" "$@"
}
lego_get() { # NAME [options]: with an account of its own
    local name=$1
    shift
    rm -rf "$work/lego"
    lego_run "$http" "$name" "$@" run
}
required() { curl -sS --cacert "$ca_file" "$directory" | jq .meta.externalAccountRequired; }

# ---- by option, and required ----

start_ca --port-map "80=$http" --eab required --eab-key "kid-1=$key" --eab-key "kid-2=$other"
same "$(required)" true "the directory"
! certbot_get none.test || fail "certbot registers without an external account"
contains "$(tr -s ' \n' ' ' <"$work/certbot.log")" "--eab-kid" "certbot's report"
! certbot_get none.test --eab-kid kid-1 --eab-hmac-key "$other" || fail "certbot registers with another's key"
contains "$(tr -s ' \n' ' ' <"$work/certbot.log")" "its signature is wrong" "certbot's report"
certbot_get a.test --eab-kid kid-1 --eab-hmac-key "$key" || fail "certbot does not obtain with an external account"
! lego_get none.test || fail "lego registers without an external account"
! lego_get none.test --eab --kid kid-1 --hmac "$key" || fail "lego registers with an account that is bound already"
contains "$(cat "$work/lego.log")" "its key is bound to another account" "lego's report"
lego_get b.test --eab --kid kid-2 --hmac "$other" || fail "lego does not obtain with an external account"
same "$(api GET /api/v1/external-accounts | jq -c '[.external_accounts[] | select(.account != null) | .environment + " " + .kid]')" \
    '["production kid-1","production kid-2"]' "what is bound"

# ---- by config file, optional; the state knows what is bound; a key by the API beside them ----

stop_ca
printf '{"port-map": "80=%s", "eab-key": ["kid-1=%s", "kid-2=%s", "kid-3=%s"]}' "$http" "$key" "$other" "$key" >"$work/config.json"
start_ca --config "$work/config.json"
[ "$(required)" != true ] || fail "keys alone make binding required"
certbot_get c.test || fail "certbot does not obtain without an external account, which is optional"
! lego_get none.test --eab --kid kid-2 --hmac "$other" || fail "a restart unbinds an external account"
lego_get d.test --eab --kid kid-3 --hmac "$key" || fail "lego does not obtain with a key of the config file"
by_api=$(api POST /api/v1/external-accounts '{"kid":"kid-4"}' | jq -r .key)
certbot_get e.test --eab-kid kid-4 --eab-hmac-key "$by_api" || fail "certbot does not obtain with a key of the API"
contains "$(ca policy show production --json 2>/dev/null || ca policy show --json)" '"the operator' "policy show"
stop_ca

# ---- what is wrong is named, with the account and without the key ----

refused() { # SAYS OPTIONS...
    local says=$1 status=0
    shift
    timeout 60 "$fakeca" serve --state "$work/ca" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen 127.0.0.1:0 --print none "$@" \
        >"$work/refused.txt" 2>&1 || status=$?
    same "$status" 2 "exit code of $*"
    contains "$(cat "$work/refused.txt")" "$says" "the error"
}
refused "not of the form KID=KEY" --eab-key kid-1
refused "not of the form KID=KEY" --eab-key "=$key"
refused "the key of 'kid-9' must be base64url" --eab-key "kid-9=$key=="
refused "the key of 'kid-9' must be base64url" --eab-key kid-9=c2hvcnQ
refused "printable ASCII" --eab-key "kid 9=$key"
refused "'kid-9' is there twice" --eab-key "kid-9=$key" --eab-key "kid-9=$other"
refused "nobody could use the key" --eab off --eab-key "kid-9=$key"
refused "'kid-1' has another key in this state" --eab-key "kid-1=$other"
refused "eab" --eab sometimes
printf '{"eab-keys": []}' >"$work/config.json"
refused "eab-keys" --config "$work/config.json"
printf '{"eab-key": ["kid-9"]}' >"$work/config.json"
refused "KID=KEY" --config "$work/config.json"
! grep -q "$other" "$work/refused.txt" || fail "a key stands in an error"
