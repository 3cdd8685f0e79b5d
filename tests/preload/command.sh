#!/usr/bin/env bash
# The weir command: what it hands to the program, what it passes back, what it refuses, and what it prints.
# Beside what support.bash takes from the environment: WEIR, the command.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
cd "$SCRATCH"

# weir ARGUMENT...: run it; its output is in out and err, its exit status in $status.
weir() {
    status=0
    "$WEIR" "$@" >out 2>err </dev/null || status=$?
}

# expect STATUS OUT ERR: of the last `weir`; OUT and ERR are extended regular expressions for the whole text, and
# an empty one means that nothing was printed.
expect() {
    local wanted=$1 stream
    shift
    [ "$status" = "$wanted" ] || fail "status $status, expected $wanted: $(cat out err)"
    for stream in out err; do
        [[ $(<"$stream") =~ ^${1}$ ]] || fail "std$stream is \"$(<"$stream")\", expected \"$1\""
        shift
    done
}

bad_usage() {
    local message=$1
    shift
    weir "$@"
    expect 2 '' "$message"
    [ "$(wc -l <err)" = 1 ] || fail "more than a line: $(<err)"
}

echo "bad usage: one line, exit 2"
bad_usage 'weir: expected a command .*'
bad_usage 'weir: unknown command "walk" .*' walk
bad_usage 'weir: unknown command "--walk" .*' --walk
bad_usage 'weir run: expected a program .*' run
bad_usage 'weir run: expected a program .*' run --stats --
bad_usage 'weir run: unknown option "--gogcc" .*' run --gogcc 3 true
bad_usage 'weir run: unknown option "-x" .*' run -x true
bad_usage 'weir run: unknown option "--stats=xml" .*' run --stats=xml true
bad_usage 'weir run: --gogc "x": expected a percentage or "off" .*' run --gogc x true
bad_usage 'weir run: --gogc "": expected .*' run --gogc
bad_usage 'weir run: --gogc "": expected .*' run --gogc= true
bad_usage 'weir run: --memlimit "256M": expected bytes .*' run --memlimit 256M true
bad_usage 'weir run: --hardlimit "9999999TiB": too large .*' run --hardlimit=9999999TiB true
bad_usage 'weir run: --debug "stats=2": expected 0\|1\|json .*' run --debug harden=0,stats=2,x=1 true
bad_usage 'weir run: --debug "nothing": unknown key .*' run --debug nothing true
bad_usage 'weir run: --debug: expected .*' run --debug
bad_usage 'weir run: --leaks=: expected a file .*' run --leaks= true
bad_usage 'weir run: --http: expected ADDRESS:PORT or unix:/PATH .*' run --http= true
bad_usage 'weir env: unknown argument "x" .*' env x
bad_usage 'weir env: unknown argument "x" .*' env --json x
bad_usage 'weir help: unknown command "x" .*' help x
bad_usage 'weir help: expected at most one .*' help run env

echo "help and version"
weir --version
expect 0 'weir [0-9]+\.[0-9]+\.[0-9]+' ''
for words in --help help "help run" "run --help" "help sweep" "sweep --help" "help tune" "help top" "help ctl" "help metrics" "help env" "help help"; do
    # shellcheck disable=SC2086
    weir $words
    expect 0 'usage: weir .*' ''
done

# What a program sees of its environment, started by `weir run` with these arguments.
seen_by_program() {
    weir run "$@" -- env
    expect 0 '.*' ''
    grep -E '^(WEIR_(GOGC|MEMLIMIT|HARDLIMIT|DEBUG)|LD_PRELOAD)=' out | sort
}

echo "the environment of the program"
[ "$(seen_by_program)" = "LD_PRELOAD=$WEIR_MALLOC" ] || fail "found another library: $(seen_by_program)"
[ "$(seen_by_program --gogc 50 --memlimit=1GiB --hardlimit 90%)" = "LD_PRELOAD=$WEIR_MALLOC
WEIR_GOGC=50
WEIR_HARDLIMIT=90%
WEIR_MEMLIMIT=1GiB" ] || fail "knobs: $(seen_by_program --gogc 50 --memlimit=1GiB --hardlimit 90%)"
export WEIR_GOGC=20 WEIR_DEBUG=onerror=warn
[ "$(seen_by_program --gogc 30 --debug verify=0 --debug harden=0,onerror=abort)" = "LD_PRELOAD=$WEIR_MALLOC
WEIR_DEBUG=onerror=warn,verify=0,harden=0,onerror=abort
WEIR_GOGC=30" ] || fail "the command line goes before the environment"
unset WEIR_GOGC WEIR_DEBUG
libc=$(libc_path)
export LD_PRELOAD=$libc
[ "$(seen_by_program)" = "LD_PRELOAD=$WEIR_MALLOC:$libc" ] || fail "LD_PRELOAD is extended: $(seen_by_program)"
unset LD_PRELOAD

echo "the library"
ln -s "$WEIR_MALLOC" elsewhere.so
WEIR_LIBRARY=elsewhere.so weir run -- sh -c 'echo $LD_PRELOAD'
expect 0 "$WEIR_MALLOC" ''
WEIR_LIBRARY=/nowhere.so weir run true
expect 125 '' 'weir run: /nowhere.so: not found; .*'
mkdir 'a directory'
cp "$WEIR_MALLOC" 'a directory/lib.so'
WEIR_LIBRARY='a directory/lib.so' weir run true
expect 125 '' 'weir run: .*a directory/lib.so: the dynamic linker takes no path with a space or colon'

echo "the exit status and signals are the program's"
for number in 0 1 3 125 255; do
    weir run -- sh -c "exit $number"
    expect "$number" '' ''
done
for signal in TERM KILL SEGV; do
    status=$( ("$WEIR" run -- sh -c "kill -$signal \$\$"; echo $?) 2>/dev/null) # without the shell's own remark
    [ "$status" = $((128 + $(kill -l "$signal"))) ] || fail "SIG$signal: status $status"
done
hands_signal_on "$WEIR" run --
[ "$(printf 'line\n' | "$WEIR" run cat)" = line ] || fail "stdin and stdout"

echo "programs that cannot be run"
weir run no-such-program
expect 127 '' 'weir run: no-such-program: No such file or directory'
weir run ./no/such/program
expect 127 '' 'weir run: ./no/such/program: No such file or directory'
: >plain-file
weir run ./plain-file
expect 126 '' 'weir run: ./plain-file: Permission denied'
weir run /
expect 126 '' 'weir run: /: Permission denied'

echo "arguments are the program's after its name and after --"
weir run echo --gogc --stats -- x
expect 0 '--gogc --stats -- x' ''
weir run -- echo -- y
expect 0 '-- y' ''

echo "programs that cannot be swapped run as they are, with a line that says so"
cat >hello.c <<'END'
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
END
if "${CC:-cc}" -static -o static hello.c 2>/dev/null; then
    weir run ./static
    expect 0 hello 'weir run: ./static is statically linked: it runs on its own malloc'
    printf '#!%s/static\n' "$SCRATCH" >script
    chmod +x script
    PATH=$SCRATCH:$PATH weir run script
    expect 0 hello 'weir run: script is statically linked: it runs on its own malloc'
fi
if "${CC:-cc}" -static-pie -fPIE -o static-pie hello.c 2>/dev/null; then
    weir run ./static-pie
    expect 0 hello 'weir run: ./static-pie is statically linked: .*'
fi
if "${CC:-cc}" -m32 -o word32 hello.c 2>/dev/null; then
    weir run ./word32
    expect 0 '.*' 'weir run: ./word32 is a 32-bit program: .*'
fi
if "${CC:-cc}" -o setuid hello.c && [ "$(id -u)" = 0 ] && chown nobody setuid && chmod u+xs,a+x "$SCRATCH" setuid; then
    WEIR_GOGC=x weir run ./setuid
    expect 0 hello 'weir run: ./setuid gains privileges: it runs on its own malloc'
fi

echo "weir env"
weir env
expect 0 'option +value +source +takes +meaning
WEIR_GOGC +100 +default +N\|off .*' ''
WEIR_GOGC=off WEIR_MEMLIMIT=64MiB WEIR_DEBUG=stats=json weir env
expect 0 '.*
WEIR_GOGC +off +environment .*
WEIR_MEMLIMIT +64MiB +environment .*
WEIR_HARDLIMIT +off +default .*
WEIR_DEBUG=stats +json +environment .*' ''
WEIR_GOGC=x WEIR_GOCG=1 WEIR_DEBUG=stat weir env
expect 0 '.*
WEIR_GOGC +100 +default .*' '.*'
cp err problems
keys=$("$WEIR" env | sed -n 's/^WEIR_DEBUG=\([a-z]*\) .*/\1/p' | paste -sd ' ')
variables=$("$WEIR" env | sed -n 's/^\(WEIR_[A-Z_]*\) .*/\1/p' | paste -sd ' ')
[ "$(sort problems)" = "weir: WEIR_DEBUG=\"stat\": unknown key; there are $keys
weir: WEIR_GOGC=\"x\": expected a percentage or \"off\"; using 100
weir: unknown variable \"WEIR_GOCG\"; there are $variables WEIR_DEBUG" ] ||
    fail "problems in the environment: $(<problems)"
WEIR_MEMLIMIT=auto weir env
[[ $(<out) =~ WEIR_MEMLIMIT\ +[0-9]+[A-Za-z]*\ +environment ]] || fail "auto: $(<out)"

echo "the manual page names every option, with the meaning that the runtime prints"
page=$SOURCES/docs/man/libweir-malloc.7
"$WEIR" env --json | sed -n 's/.*"option": "\([^"]*\)".*"meaning": "\([^"]*\)".*/\1\t\2/p' >rows
[ "$(wc -l <rows)" = "$("$WEIR" env | tail -n +2 | wc -l)" ] || fail "weir env --json: $(<rows)"
while IFS=$'\t' read -r name meaning; do
    case $name in
    WEIR_DEBUG=*) item=".It Cm ${name#*=}" ;;
    *) item=".It Ev $name" ;;
    esac
    grep -qxF "$meaning." <<<"$(grep -A1 -xF "$item" "$page")" || fail "$page: \"$item\", then \"$meaning.\""
done <rows
for name in $(sed -n 's/^\.It Cm //p; s/^\.It Ev //p' "$page"); do
    [ "$name" = WEIR_DEBUG ] || grep -qE "^(WEIR_DEBUG=)?$name	" rows || fail "$page: $name is no option"
done

if command -v "${PYTHON:-python3}" >/dev/null; then
    weir env --json
    "${PYTHON:-python3}" -c '
import json, sys
rows = json.load(open("out"))
assert rows[0]["option"] == "WEIR_GOGC" and set(rows[0]) == {"option", "value", "source", "takes", "meaning"}, rows
' || fail "weir env --json is not what it should be"
fi

echo "--stats: the account of that process and of no other, on stderr"
accounts() {
    grep -c '^weir [0-9.]*: the account of process ' err || true
}
weir run --stats ls -d /
expect 0 / '.*'
[ "$(accounts)" = 1 ] || fail "one account (ls closes its stderr before it ends): $(<err)"
grep -Eq '^  knobs: gogc 100, memlimit off, hardlimit off \(refused 0\)$' err || fail "$(<err)"
weir run --gogc 40 --memlimit 1GiB --stats bash -c 'ls -d / >&2; ls -d / >&2; exit 9'
[ "$status" = 9 ] && [ "$(accounts)" = 1 ] || fail "children print nothing: $(<err)"
grep -q 'knobs: gogc 40, memlimit 1GiB' err || fail "$(<err)"
weir run --stats-children bash -c 'ls -d / >&2; ls -d / >&2; exit 9'
[ "$status" = 9 ] && [ "$(accounts)" = 3 ] || fail "children print theirs: $(<err)"
WEIR_DEBUG=stats=json weir run bash -c 'ls -d /; true'
[ "$(grep -c '^{"weir": ' err)" = 2 ] || fail "by the environment, all of them: $(<err)"
echo before >accounts-file
WEIR_STATS_FILE=$SCRATCH/accounts-file weir run --stats-children bash -c 'cd /; ls -d / >&2; true'
[ "$(wc -l <err)" = 1 ] && [ "$(grep -c ': the account of process ' accounts-file)" = 2 ] &&
    [ "$(head -n 1 accounts-file)" = before ] || fail "WEIR_STATS_FILE: $(<err) $(<accounts-file)"
WEIR_STATS_FILE=/nowhere/file weir run --stats true
[ "$(accounts)" = 1 ] || fail "a file that cannot be opened: $(<err)"

if command -v "${PYTHON:-python3}" >/dev/null; then
    weir run --stats=json --hardlimit 2GiB "${PYTHON:-python3}" -c 'import os; print(os.getpid())'
    "${PYTHON:-python3}" -c '
import json
lines = open("err").read().splitlines()
assert len(lines) == 1, lines
account = json.loads(lines[0])
assert account["pid"] == int(open("out").read()), account["pid"]
assert account["hard_limit"] == 2 << 30 and account["memory_limit"] is None and account["gc_percent"] == 100
assert account["heap_sys"] == account["heap_inuse"] + account["heap_idle"]
assert account["heap_objects"] == account["mallocs"] - account["frees"]
assert account["heap_released"] <= account["heap_idle"]
assert account["sys"] == sum(account[name + "_sys"] for name in
                             ("heap", "stack", "mspan", "mcache", "buck_hash", "gc", "other"))
assert account["mallocs"] > 1000 and account["peak_resident"] > account["heap_alloc"] > 0
assert len(account["by_size"]) == account["num_size_classes"] > 20
' || fail "the account in JSON: $(<err)"
fi
echo "passed"
