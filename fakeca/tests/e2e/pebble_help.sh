#!/usr/bin/env bash
# What `fakeca help pebble` tells to do: its commands are run as they are printed, in a network of their own as they name the usual ports;
# the files that it shows are read as YAML, and what they start is run too, with hosts of their own.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

programs=$(cd "$(dirname "$0")/programs" && pwd)
"$fakeca" help pebble >"$work/page"
"$fakeca" pebble --help >"$work/other"
diff "$work/page" "$work/other" >/dev/null || fail "help pebble and pebble --help differ"

# block TITLE: the indented lines below the heading that ends so
block() {
    awk -v title="$1" 'on && /^ *$/ {exit} on {print substr($0, 5)} /^how to switch/ && index($0, title) {on = 1}' "$work/page"
}
block "plain processes" >"$work/plain.sh"
block "docker compose" >"$work/compose.yml"
block "GitHub action" >"$work/action.yml"
for file in plain.sh compose.yml action.yml; do
    [ "$(wc -l <"$work/$file")" -ge 5 ] || fail "the page shows no $file"
done
"$python" - "$work" <<'PY' || fail "a file on the page is no good YAML"
import sys, yaml
work = sys.argv[1]
services = yaml.safe_load(open(f"{work}/compose.yml"))["services"]
commands = {name: service["command"] for name, service in services.items()}
assert set(services) == {"pebble", "challtestsrv"}, services
assert all(isinstance(port, str) and port.count(":") == 1 for service in services.values() for port in service["ports"]), services
assert services["pebble"]["environment"]["PEBBLE_VA_NOSLEEP"] == "1"
(step,) = yaml.safe_load(open(f"{work}/action.yml"))
assert set(step) == {"name", "run", "env"}, step
open(f"{work}/action.sh", "w").write(step["run"])
# in one machine the containers are names of it; that of the resolver comes up after the CA was started
open(f"{work}/compose.sh", "w").write(f"""{commands["pebble"].replace("/test/", "test/")} 2>pebble.err &
until grep -q "has no address yet" pebble.err; do sleep 0.05; done
echo 127.0.0.1 challtestsrv >>/etc/hosts
{commands["challtestsrv"].replace("10.30.50.3", "127.0.0.1")} &
fakeca health --wait 30s
""")
PY

mkdir -p "$work/job/test/config" "$work/path"
ln -s "$fakeca" "$work/path/fakeca"
pebble_certificate
jq -n --arg work "$work" '{pebble: {listenAddress: "0.0.0.0:14000", managementListenAddress: "0.0.0.0:15000", certificate: "\($work)/cert.pem",
    privateKey: "\($work)/key.pem", httpPort: 5002, tlsPort: 5001, ocspResponderURL: "", externalAccountBindingRequired: false}}' \
    >"$work/job/test/config/pebble-config.json"
cat >"$work/job.sh" <<'JOB'
set -e
ip link set lo up
if [ "${2##*/}" = compose.sh ]; then # a container's name comes up
    cp /etc/hosts "$1/hosts"
    mount --bind "$1/hosts" /etc/hosts
fi
cd "$1/job"
export PATH="$1/path:/usr/sbin:/usr/bin:/sbin:/bin" PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0
. "$2"
if [ "${2##*/}" = plain.sh ]; then # else Debian's are found
    [ "$(command -v pebble)" = "$1/job/bin/pebble" ] && [ "$(command -v pebble-challtestsrv)" = "$1/job/bin/pebble-challtestsrv" ]
fi
curl -sSk https://localhost:14000/dir | grep -q order-plz
"$3" "$4/pebble_many.py" https://localhost:14000/dir https://localhost:15000 http://localhost:8055 2 1
fakeca --advance-days 60
kill $(jobs -p)
wait
JOB
scripts=(plain.sh action.sh compose.sh)
if ! own_namespaces --net --mount; then
    echo "skipped: the compose file, for there is no mount namespace to be had here"
    scripts=(plain.sh action.sh)
    own_namespaces --net || { echo "skipped: all commands of the page, for there is no network namespace either" && exit; }
fi
for script in "${scripts[@]}"; do
    timeout 120 "${unshared[@]}" bash "$work/job.sh" "$work" "$work/$script" "$python" "$programs" >"$work/${script%.sh}.log" 2>&1 ||
        fail "what the page tells to do (${script%.sh}) does not work"
done
