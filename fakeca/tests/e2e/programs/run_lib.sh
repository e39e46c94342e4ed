# shellcheck shell=bash
# What the tests of `fakeca run` share: source it after lib.sh.

programs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fakeca_run=$(dirname "$fakeca")/fakeca-run
export XDG_RUNTIME_DIR=$work/runtime # no CA of somebody else's is found at the default place
mkdir -p "$XDG_RUNTIME_DIR"
# the sanitizers' leak check stops its own process by ptrace, which a program that is traced cannot do
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

run() { # [options of fakeca run] -- CMD
    "$fakeca" run --state "$work/ca" "$@"
}
run_background() { # the same; $! is the front itself, not a shell
    "$fakeca" run --state "$work/ca" --kill-rest "$@" &
    pids+=($!) # ended with the test, whatever happens
}
compile() { # NAME FLAGS...: programs/NAME.c as $work/NAME[-flag]; its headers may be in $work
    local name=$1 out
    shift
    out=$work/$name${1:+$1}
    "${CC:-cc}" -std=gnu11 -O1 -I"$work" "$programs/$name.c" -o "$out" "$@" -lpthread -lrt 2>"$work/compile.log" || fail "$name $* does not compile"
    echo "$out"
}
real_now() { date +%s; }
# near VALUE FROM TO WHAT: whether a time lies between two others. Behind what is tolerated on a busy machine, where the clock is asked long
# after the value was printed; what is shifted is shifted by hours
near() { [ "$1" -ge $(($2 - 60)) ] && [ "$1" -le $(($3 + 2)) ] || fail "$4: $1 is not between $2 and $3"; }
# first WORD FILE: the number in the first line that begins with WORD
first() { sed -n "s/^$1 \([0-9]*\).*/\1/p" "$2" | head -n 1; }
last() { sed -n "s/^$1 \([0-9]*\).*/\1/p" "$2" | tail -n 1; }
has() { [ -n "$(first "$1" "$2")" ]; }
later() { [ "$(last "$1" "$2")" -ge "$3" ]; } # WORD FILE TIME
gone() { ! kill -0 "$1" 2>/dev/null; }
status_of() { # COMMAND...: its exit code
    local code=0
    "$@" || code=$?
    echo "$code"
}
need() { # COMMAND...: all of them are there
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || fail "the test needs $name"
    done
}
