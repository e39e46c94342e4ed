#!/usr/bin/env bash
# A client that the launcher does not reach, as one in a container that was there before: the renewal line only asks it to work. No
# simulated time moves it; that is noticed, and certificates that are issued with an age do.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$work/ask" "$work/answer"
# shellcheck source=/dev/null
worker() {
    local folder code
    while :; do
        read -r folder <"$work/ask"
        code=0
        (cd "$folder" && . ./needed.sh && ./renew.sh >worker.log 2>&1) || code=$?
        echo "$code" >"$work/answer"
    done
}
worker &
worker=$!
# shellcheck disable=SC2154 # set in the trap itself
trap 'code=$?; kill $worker; (exit $code); finish' EXIT

cp -r "$CLIENT_TESTS/lego-standalone" "$work/setup"
chmod 755 "$work/setup"
jq --arg ask "$work/ask" --arg answer "$work/answer" '.schedule = "7d" | .run.renew =
    "export -p | grep -E \"(FAKECA_(DIRECTORY|EMAIL|HTTP_PORT|HTTPS_PORT)|LEGO_CA_CERTIFICATES|PATH)=\" >needed.sh; pwd >\($ask); read -r code <\($answer); exit $code"' \
    "$CLIENT_TESTS/lego-standalone/setup.json" >"$work/setup/setup.json"

expect 0 "$check" "$work/setup/setup.json" --format text --format "json=$work/report.json" -v
[ "$(jq -r .clock.way "$work/report.json")" = aged ] || fail "time was not moved by the age of certificates"
says "The client kept the machine's clock"
for id in preflight-clock renewal-when-due renewal-not-early renewal-twice renewal-fresh-validation reload-serves-new-cert renewal-port-free; do
    is "$id" pass
done
# lego renews 30 of 90 days before the end
jq -r '.checks[] | select(.id == "renewal-when-due") | .headline' "$work/report.json" | grep -qE "^Renewed on day (59|60|61|62|63) of 90" || fail "another day"

# told to use the launcher alone, it is found not to notice
jq '.clock = {how: "run"}' "$work/setup/setup.json" >"$work/setup/run.json"
expect 1 "$check" "$work/setup/run.json" --only preflight-clock,renewal-when-due --format "json=$work/report.json"
is preflight-clock inconclusive
