#!/usr/bin/env bash
# fakeca fault and the renewal window of one certificate, by the command line.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

http=$(free_port)
start_ca --port-map "80=$http" --ari-retry-after 90s
lego_run "$http" a.test run || fail "lego does not obtain"

# refuse: nobody at home, and back again when the simulated time is over
connects() { curl -sS --cacert "$ca_file" -o "$work/answer" "$directory" 2>"$work/curl.log"; }
connects || fail "the directory does not answer"
ca fault add refuse --for 3d >/dev/null
wait_for 10 sh -c "! curl -sS --cacert '$ca_file' -o /dev/null '$directory'" || fail "connections are not refused"
connects && fail "connections are not refused"
contains "$(cat "$work/curl.log")" "curl: (7)" "curl"
contains "$(ca fault list)" "refuse            active" "the list"
ca clock advance 4d >/dev/null
wait_for 10 connects || fail "the CA does not come back"
contains "$(ca fault)" "over" "the list"

# the next two, and by name; then cleared
ca fault add rate-limited --at directory --times 2 --retry-after 1h >/dev/null
for want in 429 429 200; do
    same "$(curl -sS --cacert "$ca_file" -o /dev/null -w '%{http_code}' "$directory")" "$want" "the directory"
done
contains "$(ca fault list --json)" '"used": 2' "the list"
contains "$(ca fault clear)" "2 faults removed" "clear"
same "$(ca fault list)" "no faults" "the list"
contains "$(ca fault kinds)" "bad-nonce" "kinds"
same "$(ca fault kinds --json | jq -r '.kinds[0].kind')" "bad-nonce" "kinds as JSON"
ca fault add slow --delay 1s --name a.test >/dev/null
! ca fault clear --name b.test >/dev/null 2>"$work/error.txt" || fail "clear takes a filter that it does not know"
contains "$(cat "$work/error.txt")" "they belong to 'add'" "the message"
contains "$(ca fault clear)" "1 fault removed" "clear"
! ca fault add bad-nonces >/dev/null 2>"$work/error.txt" || fail "an unknown kind is taken"
contains "$(cat "$work/error.txt")" "bad-nonce" "the error"

# perspectives: of five, one that sees nothing is outvoted, two are not; well again when cleared
ca fault add blind --perspective 1 >/dev/null
lego_run "$http" one.test run || fail "one blind perspective of five is enough to refuse"
ca fault add lose --perspective 2 >/dev/null
! lego_run "$http" two.test run || fail "a name is valid that two of four remotes did not see"
contains "$(cat "$work/lego.log")" "During secondary validation: " "the client's report"
contains "$(ca fault list)" "perspective=2" "the list"
! ca fault add lose --perspective 0 >/dev/null 2>"$work/error.txt" || fail "the primary can be lost"
contains "$(cat "$work/error.txt")" "perspective" "the error"
! ca fault add blind --perspective 1 --times 2 >/dev/null 2>"$work/error.txt" || fail "a blind perspective is counted by requests"
contains "$(cat "$work/error.txt")" "until it is cleared" "the error"
ca fault clear >/dev/null
lego_run "$http" two.test run || fail "a cleared fault still blinds"

# a window that moves, for this certificate
serial=$(ca certs --json --name a.test | jq -r '.certificates[0].serial')
certid=$(api GET "/api/v1/certificates/$serial/renewal" | jq -r .certid)
info() { curl -sS --cacert "$ca_file" -D "$work/headers" "${directory%/dir}/acme/renewal-info/$certid"; }
before=$(info | jq -r .suggestedWindow.end)
contains "$(cat "$work/headers")" "Retry-After: 90" "--ari-retry-after"
ca certs "$serial" --renew-now --explanation https://ca.test/why >/dev/null
now=$(ca clock show --json | jq -r .now)
after=$(info)
[[ "$(jq -r .suggestedWindow.end <<<"$after")" < "$now" ]] || fail "the window is not past: $after"
same "$(jq -r .explanationURL <<<"$after")" https://ca.test/why "the explanation"
ca certs "$serial" --renew-reset >/dev/null
same "$(info | jq -r .suggestedWindow.end)" "$before" "the window after the reset"
! ca certs --renew-now 2>"$work/error.txt" || fail "--renew-now without a serial"
contains "$(cat "$work/error.txt")" "serial" "the error"
