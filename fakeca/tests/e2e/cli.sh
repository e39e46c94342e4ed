#!/usr/bin/env bash
# The commands as a person uses them: what they print, what they suggest, how they end.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

ends() { # CODE COMMAND...: ends with that code; what it said is in $said
    local code=$1 status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq "$code" ] || fail "'$*' ended with $status, not $code: $said"
}

# ---- without a CA ----

ends 0 "$fakeca" --version
ends 0 "$fakeca" --help
for command in serve clock status log probe certs revoke trust dns env reset health; do
    contains "$said" "$command" "fakeca --help"
done
for command in serve clock status log probe certs revoke trust dns env reset health; do
    said=$("$fakeca" help "$command")
    contains "$said" "usage: fakeca $command" "help $command"
    contains "$said" "example" "help $command"
    same "$("$fakeca" "$command" --help)" "$said" "$command --help and help $command"
done
ends 2 "$fakeca" clcok
contains "$said" "unknown command 'clcok', did you mean 'fakeca clock'?"
ends 2 "$fakeca" limits would --names a.test
contains "$said" "whose order, and for which names: 'fakeca limits would --names a.test --account 1'"
ends 2 "$fakeca" --stat x
contains "$said" "did you mean '--state'?"
ends 2 "$fakeca" serve --acme-listen nonsense
contains "$said" "nonsense"
ends 2 "$fakeca" serve --port-map 80:81
contains "$said" "80:81"
ends 2 "$fakeca" serve --acme-listen 0.0.0.0:0
contains "$said" "--allow-public"
ends 2 "$fakeca" serve --clock 1900-01-01 --state "$work/early" --acme-listen localhost:0
contains "$said" "1900-01-01"
ends 3 "$fakeca" status --state "$work/none"
contains "$said" "no fakeca is running at"
ends 3 "$fakeca" --advance-days 60 --state "$work/none"
ends 3 "$fakeca" health --state "$work/none"
ends 3 "$fakeca" status --management http://127.0.0.1:1/
ends 2 "$fakeca" revoke
ends 2 "$fakeca" help client cerbot
contains "$said" "did you mean 'certbot'?"
ends 0 "$fakeca" help help
contains "$said" "fakeca COMMAND"
ends 2 "$fakeca" policy show --at 2027-01-01 --diff 2026-01-01 2027-01-01
contains "$said" "'--diff' has dates of its own"
ends 0 "$fakeca" help client lego
contains "$said" "LEGO_CA_CERTIFICATES"

# bytes that are no UTF-8 would be missing in what is asked for
ends 2 "$fakeca" dns set $'\xff.test' A 127.0.0.1
contains "$said" "is not UTF-8"
ends 2 "$fakeca" fault add refuse --name $'a\xff.test'
contains "$said" "is not UTF-8"
ends 2 "$fakeca" clock set $'\xff'
ends 2 timeout 60 "$fakeca" serve --state "$work/"$'\xff' --acme-listen localhost:0
[ ! -e "$work/"$'\xff' ] || fail "a folder was made although its name is refused"

# ---- config files ----

printf '{"stat": "x",\n "threads": 0,\n "pace": "slow"}' >"$work/bad.json"
ends 2 "$fakeca" serve --config "$work/bad.json"
contains "$said" "unknown key 'stat', did you mean 'state'?"
contains "$said" "line 2: threads"
contains "$said" "line 3: pace"
ends 2 "$fakeca" serve --config "$work/none.json"
printf '{"config": "%s"}' "$work/good.json" >"$work/other.json"
ends 2 timeout 60 "$fakeca" serve --config "$work/other.json"
contains "$said" "config: a config file names no other"
printf '{"print": "json"' >"$work/cut.json"
ends 2 "$fakeca" serve --config "$work/cut.json"
contains "$said" "cut.json"
printf '{"name": "production", "rehersal": true}' >"$work/policy.json"
ends 2 "$fakeca" serve --policy "$work/policy.json" --state "$work/p" --acme-listen localhost:0
contains "$said" "unknown key 'rehersal', did you mean 'rehearsal'?"

# ---- files of the directory's TLS and of an own root ----

ends 2 "$fakeca" serve --tls-cert "$work/x.pem"
contains "$said" "--tls-key"
echo "no certificate" >"$work/x.pem"
ends 2 "$fakeca" serve --root-cert "$work/x.pem" --root-key "$work/x.pem" --state "$work/r" --acme-listen localhost:0 \
    --management-listen localhost:0 --dns-listen none

# ---- with a CA, configured by a file; the command line wins ----

printf '{"port-map": "80=5002", "tls-name": ["ca.internal"], "dns-default": "127.0.0.1,::1"}' >"$work/good.json"
start_ca --config "$work/good.json" --port-map 80=5003
# what is to be trusted is told whole, however soon it is asked for: RSA roots are still being made then
same "$(api GET /api/v1/trust | jq '[.environments[].certificates[] | select((.ready or .idle) | not)] | length')" 0 "CA certificates that are missing"
same "$(api GET /api/v1/port-map | jq -r .map)" "80=5003" "the command line over the config file"
contains "$("$fakeca" health --state "$work/ca")" "ready: fakeca"
contains "$(ca status)" "$work/ca" "status"
same "$(ca status --json | jq -r .clock.state)" "following" "the clock's state"
contains "$(openssl s_client -connect "${directory:8:$((${#directory} - 12))}" </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName)" "ca.internal"

# the CA file over plain HTTP verifies the directory; it is whole when the RSA keys are made
made() { [ "$(ca status --json | jq '[.environments[].issuers[] | select(.ready | not)] | length')" = 0 ]; }
wait_for 30 made || fail "the RSA issuers do not get ready"
curl -sSf "${management%/}/api/v1/trust/ca.pem" -o "$work/fetched.pem"
cmp "$work/fetched.pem" "$ca_file" || fail "the CA file served differs from the one on disk"
curl -sSf --cacert "$work/fetched.pem" "$directory" | jq -e .newOrder >/dev/null || fail "the directory does not verify"
same "$(ca trust | openssl storeutl -noout -certs /dev/stdin 2>/dev/null | tail -n 1)" \
    "$(openssl storeutl -noout -certs "$ca_file" 2>/dev/null | tail -n 1)" "fakeca trust"
# what -o names stays what it is: /dev/stdout, for instance, would be gone for the whole machine
mkfifo "$work/pipe"
timeout 30 cat "$work/pipe" >"$work/through.pem" &
reader=$!
timeout 30 "$fakeca" trust --state "$work/ca" -o "$work/pipe" || fail "trust -o of a pipe ended with $?"
[ -p "$work/pipe" ] || fail "trust -o put a file in the place of a pipe"
wait "$reader" || fail "nothing came through the pipe"
same "$(cat "$work/through.pem")" "$(ca trust)" "trust -o of a pipe"
ln -s aim.pem "$work/link"
ca trust -o "$work/link"
[ -L "$work/link" ] || fail "trust -o replaced a link"
same "$(cat "$work/aim.pem")" "$(ca trust)" "trust -o of a link"
ends 3 ca trust -o "$work"
contains "$said" "Is a directory"
eval "$(ca env)"
same "$FAKECA_DIRECTORY" "$directory" "fakeca env"
same "$REQUESTS_CA_BUNDLE" "$trust_file" "fakeca env"
same "$FAKECA_STATE" "$work/ca" "fakeca env: other commands find this CA"
unset FAKECA_STATE
contains "$(ca env --client certbot)" "# "
contains "$("$fakeca" help client certbot --state "$work/ca")" "--server $directory"
ends 3 "$fakeca" help client certbot --state "$work/none"
ends 2 ca env --client nginx

# the clock
contains "$(ca clock)" "offset     0s"
contains "$(ca clock advance 1h30m)" "->"
contains "$(ca clock)" "offset     1h30m"
contains "$(ca clock advance -2d)" "->"
contains "$(ca clock set 2027-02-10)" "2027-02-10T00:00:0"
contains "$(ca clock freeze)" "frozen"
same "$(ca clock show --json | jq -r .now)" "$(ca clock show --json | jq -r .now)" "a frozen clock"
contains "$(ca clock follow)" "following"
contains "$(ca clock reset)" "following"
ends 2 ca clock advance 60
contains "$said" "60"
ends 2 ca clock advance 400000d
ends 2 ca clock set 2300-01-01
ends 2 ca clock advnace 60d
contains "$said" "did you mean 'advance'?"
ends 2 ca clock advance
contains "$(ca clock show)" "offset     0s" "the clock after refused changes"
contains "$(ca clock advance --to next-change)" "2026-12-15" "the next dated change: a further perspective in both environments"
contains "$(ca clock advance --to next-change)" "2027-01-10" "the next dated change: staging is a month ahead"
contains "$(ca clock advance --to next-change)" "2027-02-10" "the one after it: production"
ca clock reset >/dev/null

# the mock DNS
contains "$(ca dns set a.test AAAA ::1)" "a.test"
contains "$(ca dns set '*.b.test' NXDOMAIN)" "NXDOMAIN"
contains "$(ca dns)" "*.b.test"
ends 2 ca dns set a.test AAA ::1
contains "$said" "AAA"
ends 2 ca dns set a.test A 1.2.3
contains "$(ca dns clear a.test)" "1 rule removed"
contains "$(ca dns clear)" "1 rule removed"

# certificates and the log
contains "$(ca certs)" "no certificates"
ends 2 ca certs 00ff
ends 2 ca certs 00ff --pem --json
contains "$said" "only one of --pem and --json"
ends 2 ca revoke 00ff
ends 2 ca revoke 00ff --reason keyCompromised
contains "$said" "did you mean 'keyCompromise'?"
contains "$(ca log)" "clock advance"
ca log --json -n 1 | jq -e .seq >/dev/null || fail "fakeca log --json is no JSON"
ca log -f -n 0 >"$work/follow.txt" &
follower=$!
pids+=("$follower")
seen() { grep -q "mock DNS: set" "$work/follow.txt"; }
again() { ca dns set f.test A 127.0.0.2 >/dev/null && seen; }
wait_for 20 again || fail "fakeca log -f does not follow"
contains "$(ca reset)" "forgotten: 0 accounts"

# a second server on the same folder, taken ports
ends 3 "$fakeca" serve --state "$work/ca" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none
contains "$said" "$work/ca"
port=$(run_json directory | sed 's|.*:\([0-9]*\)/.*|\1|')
ends 3 "$fakeca" serve --state "$work/other" --acme-listen "localhost:$port" --management-listen localhost:0 --dns-listen none
contains "$said" "$port"
contains "$said" "in use"
ca status >/dev/null || fail "the first server suffered"

# a word that the API refuses is told as the command's
said=$(ca clock advance --to sometime 2>&1) && fail "a time that is none is accepted"
case $said in *"request body"*) fail "clock advance speaks of a request: $said" ;; esac
contains "$said" "to: 'sometime' is not a time"
ends 2 ca probe a_b.test/x.y
case $said in *"request body"*) fail "one of two mistakes speaks of a request: $said" ;; esac
contains "$said" "no order can name 'a_b.test'"
contains "$said" "token: "
ends 2 ca probe http://a.test/x
contains "$said" "'http://a.test/x' is a URL: give the name alone"

# a CA that stands still is not ready, and asking it ends in time
kill -STOP "$ca_pid"
since=$SECONDS status=0
ca health --wait 1s >/dev/null 2>&1 || status=$?
kill -CONT "$ca_pid"
same "$status" 3 "the exit code when the CA stands still"
[ $((SECONDS - since)) -lt 10 ] || fail "health --wait 1s took $((SECONDS - since)) seconds"
ca health --wait 10s >/dev/null || fail "the CA does not go on"

# run.json goes with the CA; the ports come back
before=$directory
stop_ca
[ ! -e "$work/ca/run.json" ] || fail "run.json stays after a clean stop"
start_ca
same "$directory" "$before" "the directory after a restart on the same folder"
stop_ca

# what is printed to be copied works for a folder of any name
odd="$work/it's \$(touch $work/ran) here"
"$fakeca" serve --state "$odd" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none --log none >"$work/odd.txt" &
odd_pid=$!
pids+=("$odd_pid")
told() { grep -q "two months later" "$work/odd.txt"; }
wait_for 30 told || fail "serve prints nothing to copy"
line=$(grep 'eval ' "$work/odd.txt")
same "$(PATH=${fakeca%/*}:$PATH && eval "${line%  lets the clients*}" && printf '%s' "$FAKECA_STATE")" "$odd" "what the copied line exports"
[ ! -e "$work/ran" ] || fail "a part of the folder's name was run"
contains "$("$fakeca" help client acme.sh --state "$odd")" "--ca-bundle '$work/it'\\''s "
contains "$("$fakeca" help client caddy --state "$odd")" "acme_ca_root \"$odd/ca.pem\""
kill "$odd_pid"
wait "$odd_pid" || fail "the CA with the odd name ended with $?"

# --print json is the same as run.json
coproc SERVE { exec env --default-signal=INT "$fakeca" serve --state "$work/print" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none --print json 2>"$work/print.log"; }
# shellcheck disable=SC2153 # bash sets it
serve_pid=$SERVE_PID
read -r -t 30 line <&"${SERVE[0]}" || fail "--print json prints nothing"
same "$(jq -Sc . <<<"$line")" "$(jq -Sc . "$work/print/run.json")" "--print json and run.json"
kill -INT "$serve_pid"
status=0
wait "$serve_pid" || status=$?
same "$status" 130 "the exit code after an interrupt"

# a signal that comes twice, as timeout(1) sends it, is one
for _ in 1 2 3 4 5; do
    start_ca
    kill -TERM "$ca_pid"
    kill -TERM "$ca_pid" 2>/dev/null || true
    status=0
    wait "$ca_pid" || status=$?
    ca_pid=''
    same "$status" 0 "the exit code after two signals at once"
    [ ! -e "$work/ca/run.json" ] || fail "run.json stays after two signals at once"
done
