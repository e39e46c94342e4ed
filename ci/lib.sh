# shellcheck shell=bash
# What the scripts of this folder share: source it.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# What a build needs, and what the tests and the rehearsal drive.
build_packages=(ca-certificates cmake gcc libc6-dev git libcmocka-dev libcurl4-openssl-dev libidn2-dev libjansson-dev
    libldns-dev libmicrohttpd-dev libpsl-dev libsqlite3-dev libssl-dev libunbound-dev ninja-build pkg-config publicsuffix)
rehearse_packages=(certbot nginx-light openssl procps)
test_packages=(acme-tiny apache2 bind9-dnsutils busybox-static caddy chromium clang clang-format curl dehydrated
    faketime gcc-multilib gdb iproute2 jq lego libclang-rt-14-dev musl-tools nodejs pebble perl pmccabe python3 python3-acme
    python3-cryptography python3-yaml shellcheck sqlite3 strace uacme)

# install PACKAGE...: installs what is missing; says so only then
install() {
    local missing=() name
    for name in "$@"; do
        # nginx comes in several packages; any of them will do
        if [ "$name" = nginx-light ] && [ -x /usr/sbin/nginx ]; then
            continue
        fi
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "missing packages (${missing[*]}): run this as root, or install sudo"
        sudo=(sudo)
    fi
    say "installing ${#missing[@]} packages: ${missing[*]}"
    local log
    log=$(mktemp)
    # the web servers that come with the packages are not to be started: the tests start their own
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq update >"$log" 2>&1 &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get -qq -y --no-install-recommends install "${missing[@]}" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "the packages could not be installed (the end of apt's output stands above)"
    }
    rm -f "$log"
}

# npm_packages: what the tests' package-lock.json names, in exactly these versions, into build/npm. Where that cannot be had the tests
# skip what needs it, and say so.
npm_packages() {
    local from=$top/fakeca/tests/e2e/programs/npm to=$top/build/npm log
    ! cmp -s "$from/package-lock.json" "$to/installed" || return 0
    command -v npm >/dev/null || install npm
    log=$(mktemp)
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    if (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
        cp "$from/package-lock.json" "$to/installed"
    else
        say "skipped: the npm packages of the tests cannot be installed: $(tail -n 1 "$log")"
    fi
    rm -f "$log"
}

# build PRESET [cmake options]: configures and builds build/PRESET, quietly unless it fails; build_target: that alone
build() {
    local preset=$1 log
    shift
    log=$(mktemp)
    if ! { (cd "$top" && cmake --preset "$preset" "$@") >"$log" 2>&1 &&
        (cd "$top" && cmake --build --preset "$preset" ${build_target:+--target "$build_target"}) >>"$log" 2>&1; }; then
        grep -E 'error|Error|FAILED|warning' "$log" | head -n 40 >&2
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "the build '$preset' failed"
    fi
    rm -f "$log"
}
