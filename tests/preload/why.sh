#!/usr/bin/env bash
# weir why: each kind of root of a program that knows nothing of weir, named with its place, and the objects on the way.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need_endpoint "$CC"
export XDG_RUNTIME_DIR=$SCRATCH/runtime
mkdir -m 700 runtime

cat >keeps.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct node { struct node *next; char *text; };
static struct node *table[16];
static __thread char *local;
static pthread_barrier_t ready;

static void tell(const char *what, const void *p)
{
    FILE *file = fopen("addresses", "a");
    fprintf(file, "%s %p\n", what, p);
    fclose(file);
}

__attribute__((noinline)) static void *make(const char *what, size_t size)
{
    void *p = calloc(1, size);
    tell(what, p);
    return p;
}

static void wait_for_end(void)
{
    while (access("stop", F_OK) != 0)
        usleep(20000);
}

/* What it leaves in registers and on the stack is overwritten. */
__attribute__((noinline)) static void make_local(void)
{
    local = make("local", 3000);
}

__attribute__((noinline)) static void clear(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void *hold(void *argument)
{
    char *volatile here = make("stack", 3000);
    make_local();
    clear();
    pthread_barrier_wait(&ready);
    wait_for_end();
    return here ? argument : NULL;
}

int main(void)
{
    pthread_t thread;
    table[5] = make("first", sizeof *table[5]);
    table[5]->next = make("second", sizeof *table[5]);
    table[5]->next->text = make("static", 3000);
    char **mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapped[10] = make("mapping", 3000);
    pthread_barrier_init(&ready, NULL, 2);
    pthread_create(&thread, NULL, hold, NULL);
    pthread_barrier_wait(&ready);
    tell("ready", mapped);
    wait_for_end();
    pthread_join(thread, NULL);
    return table[5]->next->text[0] + mapped[10][0] + !local;
}
END
"$CC" -g -O1 -pthread -o keeps keeps.c
at_end 'kill $process 2>/dev/null'

address() { sed -n "s/^$1 0x//p" addresses; }

# start NAME=VALUE...: until it can be asked.
start() {
    rm -f addresses stop
    env "$@" "$WEIR" run --control -- ./keeps &
    process=$!
    until grep -q '^ready' addresses 2>/dev/null; do sleep 0.02; done
    until "$WEIR" ctl $process free >/dev/null 2>&1; do sleep 0.02; done
}
# ask NAME FIRST-LINE: what the path to that object begins with, as a regular expression.
ask() {
    timeout $HANG "$WEIR" why $process "0x$(address $1)" >out || fail "$1: status $?"
    sed -n 1p out >root
    grep -qE "^  $2" root || fail "$1: $(<out)"
}
end() {
    touch stop
    wait $process || true
}

for mode in WEIR_COLLECT=1 WEIR_DEBUG=leaks=1; do
    echo "$mode"
    start $mode
    ask static "static data of $SCRATCH/keeps\+0x[0-9a-f]+( table)?$"
    for each in first second static; do
        grep -qE "^ .*-> 0x$(address $each), [0-9]+ bytes$" out || fail "no $each: $(<out)"
    done
    grep -qE "^  at \+0 -> 0x$(address second)," out || fail "no offset: $(<out)"
    grep -qE "^  at \+8 -> 0x$(address static)," out || fail "no offset: $(<out)"
    if [ $mode = WEIR_DEBUG=leaks=1 ]; then
        grep -qE "^ +$SCRATCH/keeps\+0x[0-9a-f]+( make)?$" out || fail "not who allocated it: $(<out)"
    fi
    ask stack 'the stack of thread [0-9]+, [0-9]+ bytes above its stack pointer, at 0x'
    ask local 'thread-local memory of thread [0-9]+, at 0x'
    [ "$(sed -n 's/.*of thread \([0-9]*\).*/\1/p' out)" != $process ] || fail "another thread's: $(<out)"
    ask mapping "memory of mmap, at $(printf '%#x' $(($(sed -n 's/^ready //p' addresses) + 80)))$"
    timeout $HANG "$WEIR" why $process >out || fail "one at random: status $?: $(<out)"
    grep -q -- ' -> 0x' out || fail "one at random: $(<out)"
    status=0
    "$WEIR" why $process 0x1234 >out 2>err || status=$?
    [ $status = 1 ] && grep -q '^no object of collected memory' err || fail "status $status: $(<err)"
    end
done

echo "who allocated it, from the heap profile; a program that does not collect"
start WEIR_COLLECT=1 WEIR_PROFILE=$SCRATCH/profile WEIR_PROFILE_RATE=1
ask static 'static data of '
grep -qE "^ +$SCRATCH/keeps\+0x[0-9a-f]+( make)?$" out || fail "not who allocated it: $(<out)"
end
start A=1
status=0
"$WEIR" why $process "0x$(address static)" >out 2>err || status=$?
[ $status = 1 ] && grep -q '^no object of collected memory' err || fail "status $status: $(<err)"
end

status=0
"$WEIR" why 1 2>err || status=$?
[ $status = 1 ] && grep -q 'was it started with weir run --control?' err || fail "status $status: $(<err)"
for arguments in '' x '1 x' '1 0x1 2'; do
    status=0
    "$WEIR" why $arguments 2>err || status=$?
    [ $status = 125 ] || [ $status = 2 ] || fail "weir why $arguments: status $status"
done
