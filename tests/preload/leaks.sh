#!/usr/bin/env bash
# Leak reports: weir finds the blocks that are known to leak, the same as valgrind and as gcc's LeakSanitizer, and no others. The
# program runs as it does without a report.
# Beside what support.bash takes from the environment: WEIR, the command.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}"
WEIR=$(realpath "$WEIR")
cd "$SCRATCH"
export TMPDIR=$SCRATCH/temporary
mkdir "$TMPDIR"
source=$SOURCES/tests/programs/leaks.c

# groups FILE: of a report in LeakSanitizer's format, "kind bytes blocks" of each group, sorted.
groups() {
    sed -nE 's/^(D|Ind)irect leak of ([0-9]+) byte\(s\) in ([0-9]+) object\(s\).*/\1irect \2 \3/p' "$1" | sort
}

# function KIND BYTES FILE: the function that frame 0 of that group is in.
function_of() {
    grep -A1 "^$1 leak of $2 byte" "$3" | sed -nE 's/.*#0 in ([^ ]*) .*/\1/p' | sort -u
}

known='Direct 1234 1
Direct 200000 1
Direct 300 3
Direct 48 1
Direct 777 1
Indirect 192 4
Indirect 29 1
Indirect 432 9
Indirect 48 1'
echo "what is known to leak"
timeout $HANG "$WEIR" run --leaks -- "$WEIR_PROGRAMS/leaks" >out 2>report || fail "status $?: $(<report)"
[ "$(<out)" = 'done' ] || fail "$(<out)"
[ "$(groups report)" = "$known" ] || fail "$(groups report)"
total='SUMMARY: weir: 203060 byte(s) leaked in 22 allocation(s).'
[ "$(tail -n 1 report)" = "$total" ] || fail "$(tail -n 1 report)"
[[ $(head -n 1 report) =~ ^==[0-9]+==\ weir:\ leaked\ memory$ ]] || fail "$(head -n 1 report)"
grep -q '^Direct leak of 200000 ' <<<"$(grep leak\ of report | head -n 1)" || fail "the largest comes first"
if command -v addr2line >/dev/null; then
    [ "$(function_of Direct 300 report)" = leak_direct ] || fail "$(<report)"
    [ "$(function_of Indirect 432 report)" = leak_chain ] || fail "$(<report)"
    [ "$(function_of Direct 777 report)" = leak_cleared ] || fail "the one who resized: $(<report)"
    [ "$(function_of Direct 1234 report)" = leak_in_thread ] || fail "$(<report)"
    grep -A1 '^Direct leak of 300 ' report | grep -F 'leaks.c:31' >/dev/null || fail "no line: $(<report)"
fi

echo "nothing, when nothing leaks"
timeout $HANG "$WEIR" run --leaks=file -- "$WEIR_PROGRAMS/leaks" clean >out 2>err
[ ! -s err ] && [ ! -s file ] || fail "$(cat err file)"

echo "the raw report, on stderr, without the command"
on_weir WEIR_DEBUG=leaks=1 "$WEIR_PROGRAMS/leaks" >out 2>raw
[ "$(tail -n 1 raw)" = 'weir: 203060 bytes leaked in 22 blocks' ] || fail "$(<raw)"
grep -Eq '^leak direct 300 bytes 3 blocks$' raw || fail "$(<raw)"
grep -Eq "^  $WEIR_PROGRAMS/leaks\+0x[0-9a-f]+$" raw || fail "$(<raw)"

echo "what outlives the program reports when it ends, and no file is left"
for to in "" =late; do
    rm -f late
    timeout $HANG "$WEIR" run --leaks$to -- sh -c "(until [ -e go ]; do sleep 0.05; done; exec '$WEIR_PROGRAMS/leaks') >out & exit 7" \
        2>err && fail "the status is the program's" || [ $? = 7 ] || fail "status"
    [ ! -s err ] || fail "before the end: $(<err)"
    touch go
    until [ -z "$(ls "$TMPDIR")" ]; do sleep 0.05; done
    rm go
    report=err
    [ -z "$to" ] || report=late
    [ "$(groups $report)" = "$known" ] || fail "$(cat err late)"
done

echo "without addr2line"
mkdir empty
timeout $HANG env PATH="$SCRATCH/empty" "$WEIR" run --leaks=file "$WEIR_PROGRAMS/leaks" >/dev/null
[ "$(tail -n 1 file)" = "$total" ] || fail "$(<file)"
grep -Eq "#0 \($WEIR_PROGRAMS/leaks\+0x[0-9a-f]+\)$" file || fail "$(<file)"
grep -Eq '#0 in (__)?strdup \(.*/libc' file || fail "symbols that the linker knows: $(<file)"

echo "a file, a status, a signal"
status=0
timeout $HANG "$WEIR" run --leaks=file -- sh -c 'exit 7' || status=$?
[ "$status" = 7 ] || fail "status $status"
status=$( ("$WEIR" run --leaks -- sh -c 'kill -TERM $$'; echo $?) 2>/dev/null)
[ "$status" = 143 ] || fail "status $status"
hands_signal_on "$WEIR" run --leaks --
status=0
"$WEIR" run --leaks -- no-such-program 2>err || status=$?
[ "$status" = 127 ] || fail "status $status"
[ -z "$(ls "$TMPDIR")" ] || fail "a file was left: $(ls "$TMPDIR")"

echo "the bytes and blocks that valgrind finds"
if command -v valgrind >/dev/null; then
    timeout $HANG valgrind --leak-check=full "$WEIR_PROGRAMS/leaks" >/dev/null 2>valgrind.out || fail "$(<valgrind.out)"
    sum=$(sed -nE 's/,//g; s/.* (definitely|indirectly) lost: ([0-9]+) bytes in ([0-9]+) blocks/\2 \3/p' valgrind.out |
        awk '{ bytes += $1; blocks += $2 } END { print bytes, blocks }')
    [ "$sum" = '203060 22' ] || fail "valgrind: $sum: $(<valgrind.out)"
else
    echo "left out: valgrind is not installed"
fi

echo "the groups that gcc's LeakSanitizer finds"
if "$CC" -O1 -g -fno-builtin -w -pthread -fsanitize=leak "$source" -o sanitized 2>/dev/null; then
    timeout $HANG ./sanitized >/dev/null 2>sanitizer.out || true
    if grep -q 'LeakSanitizer has encountered a fatal error' sanitizer.out; then
        echo "left out: LeakSanitizer does not run here"
    else
        [ "$(groups sanitizer.out)" = "$(groups report)" ] || fail "LeakSanitizer: $(groups sanitizer.out)"
    fi
else
    echo "left out: $CC has no LeakSanitizer"
fi

echo "threads, forks, exits in destructors"
for program in thread-exit thread-local many-keys operators; do
    passes WEIR_DEBUG=leaks=1 "$WEIR_PROGRAMS/$program"
done
cat >forks.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int over;
static void *churn(void *unused)
{
    while (!over)
        free(malloc(100));
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    int wrong = 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            (free(malloc(10)), exit(0));
        wrong += waitpid(child, &status, 0) != child || status != 0;
    }
    over = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return wrong;
}
END
"$CC" -O1 -pthread forks.c -o forks
on_weir WEIR_DEBUG=leaks=1 ./forks 2>/dev/null || fail "forks: status $?"

echo "on a signal, while the program runs"
cat >asked.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void leak(int count)
{
    while (count--)
        memset(malloc(100), 1, 100);
}

__attribute__((noinline)) static void wipe(void)
{
    volatile char below[32 * 1024];
    memset((char *)below, 0, sizeof below);
}

/* Leaks 1000 bytes, 500 more at the first line, and ends at the second. */
int main(void)
{
    setvbuf(stdin, NULL, _IONBF, 0);
    for (int count = 10; count > 0; count -= 5) {
        leak(count);
        wipe();
        puts("ready");
        fflush(stdout);
        getchar();
    }
}
END
"$CC" -O1 -g -fno-builtin asked.c -o asked
# until_true COMMAND...: wait until it succeeds; fail after $HANG seconds.
until_true() {
    local tries
    for ((tries = HANG * 10; tries > 0; tries--)); do
        "$@" && return
        sleep 0.1
    done
    fail "in vain: $*: $(cat report 2>/dev/null)"
}
summaries() {
    [ "$(grep -c '^SUMMARY' report)" = "$1" ]
}
mkfifo lines answers
"$WEIR" run --leaks=report --debug leaksignal=10 -- ./asked <lines >answers &
exec 3>lines 4<answers
read -r -u 4 _
kill -USR1 $! # handed on
until_true summaries 1
echo >&3
read -r -u 4 _
kill -USR1 $! # handed on
until_true summaries 2
kill -USR1 $!
until_true summaries 3
echo >&3
wait $! || fail "status $?"
exec 3>&- 4<&-
[ "$(grep '^SUMMARY' report)" = 'SUMMARY: weir: 1000 byte(s) leaked in 10 allocation(s).
SUMMARY: weir: 1500 byte(s) leaked in 15 allocation(s).
SUMMARY: weir: 1500 byte(s) leaked in 15 allocation(s).
SUMMARY: weir: 1500 byte(s) leaked in 15 allocation(s).' ] || fail "$(<report)"
[ "$(grep -c 'leaked memory so far$' report)" = 3 ] || fail "$(<report)"
[ "$(function_of Direct 500 report)" = leak ] || ! command -v addr2line >/dev/null || fail "$(<report)"
on_weir WEIR_DEBUG=leaks=1,leaksignal=9 "$WEIR_PROGRAMS/leaks" clean >/dev/null 2>err
[ "$(<err)" = 'weir: WEIR_DEBUG=leaksignal: the signal cannot be used; there is a report at exit only' ] || fail "$(<err)"

echo "sampled: exact in all, the groups nearly"
cat >many.c <<'END'
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void leak_small(void)
{
    for (int i = 0; i < 100000; i++)
        memset(malloc(100), 1, 100);
}

__attribute__((noinline)) static void leak_large(void)
{
    for (int i = 0; i < 1000; i++)
        memset(malloc(20000), 1, 20000);
}

int main(void)
{
    leak_small();
    leak_large();
    volatile char below[32 * 1024];
    memset((char *)below, 0, sizeof below);
}
END
"$CC" -O1 -g -fno-builtin many.c -o many
timeout $HANG "$WEIR" run --leaks=report --debug leakrate=4096 -- ./many || fail "status $?"
[ "$(grep '^SUMMARY' report)" = 'SUMMARY: weir: 30000000 byte(s) leaked in 101000 allocation(s).' ] || fail "$(<report)"
# Some 2,400 of the small blocks are sampled, with a standard deviation of 2 %, and nearly all of the large ones.
groups report | awk '
    $1 == "Direct" && $2 > 15e6 { large = $2 }
    $1 == "Direct" && $2 < 15e6 { small = $2 }
    END { exit !(large > 19.4e6 && large < 20.6e6 && small > 8.8e6 && small < 11.2e6) }' || fail "$(<report)"

echo "what only a weak map or a finalizer leads to is in use"
cat >held.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <weir/finalize.h>
#include <weir/weak.h>
#pragma weak weir_weak_map_new
#pragma weak weir_weak_map_set
#pragma weak weir_gc_set_finalizer

static weir_weak_map *map;
static char *key;

static void finish(void *object, void *context)
{
    (void)context;
    free(*(char **)object);
}

/* Blocks that are known here only: 1000 bytes through the map, 2000 through an object that waits for its finalizer. */
__attribute__((noinline)) static void hold(void)
{
    weir_weak_map_set(map, key, malloc(1000));
    char **object = malloc(sizeof *object);
    *object = malloc(2000);
    weir_gc_set_finalizer(object, finish, NULL);
}

__attribute__((noinline)) static void wipe(void)
{
    volatile char below[32 * 1024];
    memset((char *)below, 0, sizeof below);
}

int main(void)
{
    map = weir_weak_map_new();
    key = malloc(10);
    hold();
    wipe();
    return 0;
}
END
"$CC" -O1 -fno-builtin -I"$SOURCES/include" held.c -o held
timeout $HANG "$WEIR" run --leaks=file -- ./held || fail "held: status $?"
[ ! -s file ] || fail "$(<file)"

echo "not with hardening: one line, and the program runs"
on_weir WEIR_DEBUG=leaks=1,harden=1 "$WEIR_PROGRAMS/leaks" >/dev/null 2>err
[ "$(<err)" = "weir: WEIR_DEBUG=leaks=1: not together with harden=1; no leaks are looked for" ] || fail "$(<err)"

echo "real programs print what they print"
SETTINGS=("WEIR_DEBUG=leaks=1 WEIR_LEAKS_FILE=$SCRATCH/raw")
real() {
    ! command -v "$1" >/dev/null || same_output "$@"
}
real python3 -c 'print(sorted({str(i): i * i / 7 for i in range(2000)}.items())[-1])'
real sqlite3 :memory: 'select sqlite_version(), hex(zeroblob(3000))'
real git --version
real lua5.4 -e 't = {} for i = 1, 9999 do t[i] = {i} end print(#t)'
echo "passed"
