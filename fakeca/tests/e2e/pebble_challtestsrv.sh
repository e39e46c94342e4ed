#!/usr/bin/env bash
# `fakeca pebble-challtestsrv` beside the original of Debian's package: each request of the API to both, then what DNS, HTTP and TLS
# answer and what the histories say must be the same.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

ln -s "$fakeca" "$work/pebble-challtestsrv"
declare -A api http https tls dns
start_side() { # NAME PROGRAM
    start_challtestsrv "$2" --
    api[$1]=$chall http[$1]=$http_port https[$1]=$https_port tls[$1]=$tls_port dns[$1]=$dns_port
}
start_side theirs pebble-challtestsrv
start_side ours "$work/pebble-challtestsrv"

both() { # PATH JSON: the status, which must be the same
    local theirs ours
    chall=${api[theirs]} theirs=$(chall_post "$1" "$2")
    chall=${api[ours]} ours=$(chall_post "$1" "$2")
    same "$ours" "$theirs" "the status of $1 $2"
}
ask() { # SIDE NAME TYPE [OPTION]: status and records in order
    dig @127.0.0.1 -p "${dns[$1]}" "$2" "$3" ${4:+"$4"} +tries=1 +time=5 +noall +comments +answer | sed -n 's/.*status: \([A-Z]*\).*/\1/p; /^[^;]/p' | tr -s '\t ' ' ' | sort
}
asked() { # NAME TYPE: the same answer over UDP and TCP
    local option
    for option in +notcp +tcp; do
        same "$(ask ours "$1" "$2" "$option")" "$(ask theirs "$1" "$2" "$option")" "DNS $option $1 $2"
    done
}

# ---- DNS ----
asked default.test A
asked default.test AAAA
asked default.test TXT
both add-a '{"host":"a.test","addresses":["192.0.2.1","192.0.2.2"]}'
both add-a '{"host":"a.test","addresses":["192.0.2.3"]}'
both add-aaaa '{"host":"a.test","addresses":["2001:db8::1"]}'
asked a.test A
asked a.test AAAA
both set-txt '{"host":"_acme-challenge.a.test.","value":"one"}'
both set-txt '{"host":"_acme-challenge.a.test.","value":"two"}'
asked _acme-challenge.a.test TXT
both add-caa '{"host":"a.test","policies":[{"tag":"issue","value":"letsencrypt.org"},{"tag":"iodef","value":"mailto:x@a.test"}]}'
asked a.test CAA
both set-cname '{"host":"alias.test","target":"a.test"}'
asked alias.test A
asked alias.test CNAME
both set-servfail '{"host":"sick.test"}'
asked sick.test A
both set-default-ipv4 '{"ip":"192.0.2.99"}'
both set-default-ipv6 '{"ip":"2001:db8::99"}'
asked other.test A
asked other.test AAAA
both set-default-ipv4 '{"ip":""}'
asked other.test A
for what in a aaaa txt caa; do
    both "clear-$what" '{"host":"a.test"}'
done
both clear-txt '{"host":"_acme-challenge.a.test."}'
both clear-cname '{"host":"alias.test"}'
both clear-servfail '{"host":"sick.test"}'
for name in a.test alias.test sick.test; do
    asked "$name" A
done
asked _acme-challenge.a.test TXT
asked a.test CAA

# ---- http-01, over HTTP and HTTPS ----
fetch() { # SIDE SCHEME PATH: status, target, body
    local port=${http[$1]}
    [ "$2" = http ] || port=${https[$1]}
    curl -sSk -H 'Host: a.test' -w '\n%{http_code} %{redirect_url}' "$2://127.0.0.1:$port$3" | sed "s/$port/PORT/g"
}
fetched() {
    local scheme
    for scheme in http https; do
        same "$(fetch ours $scheme "$1")" "$(fetch theirs $scheme "$1")" "$scheme $1"
    done
}
fetched /.well-known/acme-challenge/tok
both add-http01 '{"token":"tok","content":"tok.key"}'
fetched /.well-known/acme-challenge/tok
fetched /elsewhere
both add-redirect '{"path":"/.well-known/acme-challenge/tok","targetURL":"https://a.test/there?x=1"}'
fetched /.well-known/acme-challenge/tok
both del-redirect '{"path":"/.well-known/acme-challenge/tok"}'
both del-http01 '{"token":"tok"}'
fetched /.well-known/acme-challenge/tok

# ---- tls-alpn-01 ----
identifier() { # SIDE NAME PROTOCOL: SAN and the extension of the certificate, or nothing
    openssl s_client -connect "127.0.0.1:${tls[$1]}" -servername "$2" -alpn "$3" </dev/null 2>/dev/null | openssl x509 -noout -text 2>/dev/null |
        grep -A1 -E '1\.3\.6\.1\.5\.5\.7\.1\.31|Subject Alternative' | tr -s ' ' || true
}
both add-tlsalpn01 '{"host":"tls.test","content":"tok.key"}'
contains "$(identifier ours tls.test acme-tls/1)" "1.3.6.1.5.5.7.1.31: critical" "our certificate"
contains "$(identifier ours tls.test acme-tls/1)" "DNS:tls.test" "our certificate"
same "$(identifier ours tls.test acme-tls/1 | grep -A1 1.3.6)" "$(identifier theirs tls.test acme-tls/1 | grep -A1 1.3.6)" "the extension for tls-alpn-01"
same "$(identifier ours tls.test http/1.1)" "$(identifier theirs tls.test http/1.1)" "another protocol"
same "$(identifier ours unknown.test acme-tls/1)" "$(identifier theirs unknown.test acme-tls/1)" "another name"
both del-tlsalpn01 '{"host":"tls.test"}'
same "$(identifier ours tls.test acme-tls/1)" "" "a challenge that was removed"
both add-tlsalpn01 '{"host":"1.0.0.127.in-addr.arpa","content":"tok.key"}'
contains "$(identifier ours 1.0.0.127.in-addr.arpa acme-tls/1)" "IP Address:127.0.0.1" "our certificate for an address"

# ---- histories ----
history() { # SIDE KIND HOST
    curl -sS --data "{\"host\":\"$3\"}" "${api[$1]}/$2-request-history" | jq -S "${4:-.}" | sed "s/${http[$1]}/HTTP/g; s/${https[$1]}/HTTPS/g"
}
dig @127.0.0.1 -p "${dns[ours]}" seen.test CAA +tries=1 >/dev/null
dig @127.0.0.1 -p "${dns[theirs]}" seen.test CAA +tries=1 >/dev/null
same "$(history ours dns seen.test '.[0].Question | {Name, Qtype, Qclass}')" "$(history theirs dns seen.test '.[0].Question | {Name, Qtype, Qclass}')" "the history of DNS"
same "$(history ours http a.test '[.[] | {URL, Host, HTTPS}]')" "$(history theirs http a.test '[.[] | {URL, Host, HTTPS}]')" "the history of HTTP"
same "$(history ours tlsalpn01 unknown.test)" "$(history theirs tlsalpn01 unknown.test)" "the history of TLS"
same "$(history ours http never.test)" "$(history theirs http never.test)" "no history"
for kind in http dns tlsalpn; do
    both clear-request-history "{\"host\":\"seen.test\",\"type\":\"$kind\"}"
done
same "$(history ours dns seen.test)" "$(history theirs dns seen.test)" "the history of DNS that was cleared"

# ---- bad input ----
for body in '' 'no json' '[]' '{}' '{"host":""}' '{"host":7}'; do
    for path in add-a add-aaaa set-txt set-cname add-caa clear-a http-request-history clear-request-history add-tlsalpn01 add-http01 del-http01 add-redirect; do
        both "$path" "$body"
    done
done
both clear-request-history '{"host":"a.test","type":"mail"}'
both nowhere '{}'
same "$(curl -sS -o /dev/null -w '%{http_code}' "${api[ours]}/add-a")" "$(curl -sS -o /dev/null -w '%{http_code}' "${api[theirs]}/add-a")" "GET"
contains "$(curl -sS --data '{"host":"a.test"}' "${api[ours]}/add-a")" "'addresses' must be a list" "the answer to a host without addresses"
# what is no address is no mistake there: no answer, and with us a line in the log
both add-a '{"host":"odd.test","addresses":[7]}'
both add-a '{"host":"odd.test","addresses":["nine"]}'
both add-aaaa '{"host":"odd.test","addresses":["192.0.2.1"]}'
asked odd.test A
asked odd.test AAAA
both add-a '{"host":"odder.test","addresses":["::1","192.0.2.7"]}'
both set-default-ipv4 '{"ip":"nine"}'
both set-default-ipv6 '{"ip":"\"\""}'
asked none.test A
asked none.test AAAA
both add-caa '{"host":"odd.test","policies":[{"tag":"issue"}]}'
contains "$(cat "$work/challtestsrv-${api[ours]##*:}.log")" "'nine' is no IPv4 address" "the log about a wrong address"

# ---- the log tells the same of what was set ----
changes() { grep -oE '(Added|Removed|Set default|Cleared) .*' "$work/challtestsrv-${api[$1]##*:}.log" | sed 's/\\"/"/g'; } # as Go quotes
for side in theirs ours; do changes "$side" >"$work/$side.changes"; done
diff "$work/theirs.changes" "$work/ours.changes" >"$work/changes.log" || fail "the logs of the challenge servers differ"
[ "$(wc -l <"$work/ours.changes")" -ge 30 ] || fail "the logs tell less than they did"

# ---- more than the original of this version has: DNS over HTTPS, -dnsserver, ports that others have ----
doh=$(free_port) more=$(free_port) port=$(free_port)
"$fakeca" pebble-challtestsrv -dnsserver "127.0.0.1:$more" -doh "127.0.0.1:$doh" -management "127.0.0.1:$port" -http01 "" -https01 "" -tlsalpn01 "" \
    >"$work/doh.log" 2>&1 &
pid=$!
pids+=("$pid")
wait_for 20 listening "$port" || fail "the challenge server with DNS over HTTPS does not start"
query=$(printf '\0\0\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1' | base64 -w0 | tr '/+' '_-' | tr -d =)
answer=$(curl -sSk "https://127.0.0.1:$doh/dns-query?dns=$query" | od -An -tx1 | tr -d ' \n')
contains "$answer" "7f000001" "DNS over HTTPS"
same "$(curl -sSk -o /dev/null -w '%{http_code}' "https://127.0.0.1:$doh/dns-query")" 415 "DNS over HTTPS without a question"
same "$(curl -sS -o /dev/null -w '%{http_code}' --data '{"token":"a","content":"b"}' "http://127.0.0.1:$port/add-http01")" 404 "a path whose service is off"
kill -TERM "$pid"
wait "$pid" || fail "the challenge server ends with $?"
contains "$(cat "$work/doh.log")" "Goodbye!" "its log"

# what certbot's suite says: '""' with the quotes in it; and a port that others have. Both go on without that service.
for side in theirs ours; do
    command=pebble-challtestsrv port=$(free_port) more=$(free_port)
    [ $side = theirs ] || command=$work/pebble-challtestsrv
    "$command" -management ":$port" -defaultIPv6 '""' -defaultIPv4 127.0.0.1 -http01 '""' -tlsalpn01 '""' -https01 "127.0.0.1:${http[ours]}" \
        -dns01 ":$more" >"$work/odd-$side.log" 2>&1 &
    pids+=("$!")
    dns[$side]=$more
    wait_for 20 listening "$port" || fail "$side with addresses that are none does not start"
    wait_for 20 listening "$more" || fail "$side with addresses that are none serves no DNS"
done
asked any.wtf A
asked any.wtf AAAA
contains "$(cat "$work/odd-ours.log")" "cannot listen on 127.0.0.1:${http[ours]}" "the log about a port that is taken"
contains "$(cat "$work/odd-ours.log")" "not served: " "the log about an address that is none"
