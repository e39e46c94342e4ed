# shellcheck shell=bash
# What the tests with real programs share: source it. Each test has a folder of its own, any free ports, and ends red when a CA
# that it started died of anything but its own stop.
#   FAKECA   the program under test (ctest sets it)

# shellcheck source=fakeca/tests/e2e/base_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/base_lib.sh"
fakeca=${FAKECA:?the program under test}
export XDG_RUNTIME_DIR=$work # the default place of a CA is this test's own
chmod 711 "$work" # the workers of an nginx that root starts are another user
ca_pid='' pids=()

finish() {
    local status=$?
    trap - EXIT
    if [ -n "$ca_pid" ]; then
        stop_ca || status=1
    fi
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    leave "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# shellcheck disable=SC2120 # options are optional
# start_ca [options]: fakeca on any free ports with its state in $work/ca
start_ca() {
    # a session of its own: a stopped process in the group of a test can end the whole group by SIGHUP (orphaned process groups)
    setsid "$fakeca" serve --state "$work/ca" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen 127.0.0.1:0 \
        --print none "$@" >>"$work/fakeca.log" 2>&1 &
    ca_pid=$!
    "$fakeca" health --state "$work/ca" --wait 30s >"$work/health.log" 2>&1 || fail "fakeca does not start"
    directory=$(run_json directory) management=$(run_json management) ca_file=$(run_json ca_file) trust_file=$(run_json trust_file)
}
run_json() { jq -r ".$1" "$work/ca/run.json"; }

# The CA must end by itself, with 0, when it is asked to.
stop_ca() {
    local status=0
    kill -TERM "$ca_pid" 2>/dev/null || true
    wait "$ca_pid" || status=$?
    ca_pid=''
    if [ "$status" -ne 0 ]; then
        printf 'FAILED: fakeca ended with %s\n' "$status" >&2
        tail -n 40 "$work/fakeca.log" >&2
        return 1
    fi
}

# As a crash or the kernel ends it.
kill_ca() {
    kill -KILL "$ca_pid"
    wait "$ca_pid" 2>/dev/null || true
    ca_pid=''
}

ca() { # a command of the running CA
    local command=$1
    shift
    "$fakeca" "$command" --state "$work/ca" "$@"
}

api() { # METHOD PATH [JSON]
    curl -sS -X "$1" "${management%/}$2" ${3:+-H 'content-type: application/json' --data "$3"}
}

# ---- nginx: HTTP redirects to HTTPS, HTTPS serves the challenge folder, unless nginx_servers says otherwise ----

nginx_servers() {
    cat <<CONF
    server { listen 127.0.0.1:$http; return 301 https://\$host\$request_uri; }
    server {
        listen 127.0.0.1:$https ssl;
        ssl_certificate $work/site.crt;
        ssl_certificate_key $work/site.key;
        location /.well-known/acme-challenge/ { root $work/www; }
    }
CONF
}
nginx_config() {
    cat <<CONF
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
    access_log $work/access.log;
    client_body_temp_path $work/n1; proxy_temp_path $work/n2; fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
    default_type text/plain;
CONF
    nginx_servers
    echo "}"
}
start_nginx() { # sets http, https
    mkdir -p "$work/www"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=placeholder \
        -keyout "$work/site.key" -out "$work/site.crt" 2>/dev/null
    for _ in 1 2 3 4 5; do
        http=$(free_port) https=$(free_port)
        nginx_config >"$work/nginx.conf"
        nginx -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf" 2>>"$work/nginx-start.log" &
        local pid=$!
        if wait_for 10 served_by "$pid"; then
            pids+=("$pid")
            return 0
        fi
    done
    fail "nginx does not start"
}
served_by() { kill -0 "$1" && served; }
served() { openssl s_client -connect "127.0.0.1:$https" -servername "${1:-a.test}" </dev/null 2>/dev/null | openssl x509 2>/dev/null; }
served_serial() { served "$1" | openssl x509 -noout -serial | sed 's/serial=//'; }
serves_serial() { [ "$(served_serial "$1")" = "$2" ]; }
reload_nginx() { # CERT KEY NAME: serves these files from now on
    cat "$1" >"$work/site.crt"
    cat "$2" >"$work/site.key"
    nginx -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf" -s reload
    wait_for 10 serves_serial "$3" "$(serial_of "$1")" || fail "nginx does not serve $1 after its reload"
}
serial_of() { openssl x509 -noout -serial -in "$1" | sed 's/serial=//'; }
# verify_served NAME: the chain on the wire leads to the CA's root at the simulated time
verify_served() {
    openssl s_client -connect "127.0.0.1:$https" -servername "$1" -CAfile "$ca_file" -verify_hostname "$1" -verify_return_error \
        -attime "$(simulated_now)" </dev/null >"$work/verify.log" 2>&1 || fail "the chain served for $1 does not verify"
}
simulated_now() { date -d "$(ca clock show --json | jq -r .now)" +%s; }

# ---- clients ----

certbot_run() { # ARGS...: certbot with folders of its own; CERTBOT_TIME: "-f +60d" for faketime
    # shellcheck disable=SC2086
    REQUESTS_CA_BUNDLE=$trust_file ${CERTBOT_TIME:+faketime $CERTBOT_TIME} certbot "$@" --config-dir "$work/le" --work-dir "$work/le-work" \
        --logs-dir "$work/le-log" -n </dev/null >"$work/certbot.log" 2>&1
}
certbot_serial() { serial_of "$work/le/live/$1/cert.pem"; }

lego_run() { # PORT NAME ARGS...: lego answers http-01 itself on that port
    local port=$1 name=$2
    shift 2
    LEGO_CA_CERTIFICATES=$ca_file lego --path "$work/lego" --server "$directory" --accept-tos --email ops@rehearsal.dev --domains "$name" \
        --http --http.port "127.0.0.1:$port" "$@" </dev/null >"$work/lego.log" 2>&1
}
lego_serial() { serial_of "$work/lego/certificates/$1.crt"; }

same() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
differs() { [ "$1" != "$2" ] || fail "$3: still '$1'"; }
contains() { case "$1" in *"$2"*) ;; *) fail "${3:-output}: '$2' is not in: $1" ;; esac; }
