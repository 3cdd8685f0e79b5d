#!/usr/bin/env bash
# Threads are stopped by ptrace and by a signal, whatever the program does with its signals, its stacks and its children. A stop
# by ptrace cannot be noticed by the program.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# halted_in KIB STOP MODE...: it ends well, without a word, and in so much memory.
halted_in() {
    local most=$1 stop=$2 peak
    shift 2
    passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=$stop "$WEIR_PROGRAMS/halted" "$@"
    peak=$(cat "$SCRATCH/passes.out")
    ((peak < most)) || fail "stop=$stop $*: $peak KiB"
}

for stop in ptrace signal; do
    echo "signals that the program sets, queues and gets; exec; small stacks; threads; stop=$stop"
    for mode in default ignore own chain queue "exec 20" small signals stops spawn forks "many 100"; do
        halted_in 20000 $stop $mode
    done
    halted_in 20000 $stop vfork
    halted_in 100000 $stop vfork-malloc
    halted_in 20000 $stop clone
    halted_in 100000 $stop clone-malloc
done

echo "children of all kinds, and the one that holds threads is none of them"
passes WEIR_COLLECT=0 "$WEIR_PROGRAMS/unseen-child"
for stop in ptrace signal; do
    passes WEIR_COLLECT=1 WEIR_DEBUG=stop=$stop "$WEIR_PROGRAMS/unseen-child"
done

echo "children that take their time to become another program, in the kernel"
for stop in ptrace signal; do
    for call in popen system wordexp posix_spawn; do
        passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=$stop "$WEIR_PROGRAMS/held" $call
    done
done

echo "what a parent hears of it, and of SIGSTOP: stopped by ^Z it is for the shell to know"
for stop in ptrace signal; do
    passes WEIR_COLLECT=1 WEIR_DEBUG=stop=$stop "$WEIR_PROGRAMS/watched"
done

echo "threads that block every signal"
for call in ppoll pselect sigsuspend epoll_pwait handler attribute; do
    halted_in 20000 ptrace blocks $call
    halted_in 20000 signal blocks $call
done

echo "the signals that stop threads, used by the program itself"
urg=23 winch=28
for way in signalfd signalfd-thread signalfd-late sigwait sigwaitinfo sigtimedwait syscall sigwait-all sigwaitinfo-all \
    sigwait-late sigsuspend pselect ppoll epoll_pwait pending handler mask socket; do
    for number in $urg $winch; do
        passes WEIR_COLLECT=1 WEIR_GOGC=10 WEIR_DEBUG=poison=1,stop=signal "$WEIR_PROGRAMS/urgent" $way $number
    done
    passes WEIR_COLLECT=1 WEIR_GOGC=10 WEIR_DEBUG=stop=ptrace "$WEIR_PROGRAMS/urgent" $way $urg
done

echo "calls of the system that wait: none returns early"
passes WEIR_COLLECT=1 WEIR_DEBUG=stop=ptrace "$WEIR_PROGRAMS/waits"
passes WEIR_COLLECT=1 WEIR_GOGC=10 WEIR_DEBUG=stop=ptrace "$WEIR_PROGRAMS/rest"
for who in parent other; do
    passes WEIR_COLLECT=1 WEIR_DEBUG=stop=ptrace "$WEIR_PROGRAMS/unheard" $who
done

echo "no tracer is to be had: the signal, said once if collections are traced"
said=$(on_weir WEIR_COLLECT=1 WEIR_DEBUG=gctrace=1 "$WEIR_PROGRAMS/deny" ptrace "$WEIR_PROGRAMS/halted" many 10 2>&1)
[ "$(grep -c 'threads are stopped by SIGURG' <<<"$said")" = 1 ] && grep -q '^gc 2 ' <<<"$said" || fail "${said:0:300}"
for call in ptrace clone; do
    passes WEIR_COLLECT=1 "$WEIR_PROGRAMS/deny" $call "$WEIR_PROGRAMS/halted" many 10
done
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    passes WEIR_COLLECT=1 strace -f -o /dev/null "$WEIR_PROGRAMS/halted" many 3
else
    echo "no strace here: left out"
fi

echo "blocks that one place alone knows"
for mode in bss map thread guard array pair given above read none exec code relro registers arguments; do
    passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,gcverify=1 "$WEIR_PROGRAMS/places" $mode first second
    passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=signal "$WEIR_PROGRAMS/places" $mode first second
done

echo "memory that is unmapped while a collection reads it"
for means in ptrace signal; do
    passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=$means "$WEIR_PROGRAMS/vanishes"
    passes WEIR_COLLECT=1 WEIR_DEBUG=poison=1,stop=$means "$WEIR_PROGRAMS/vanishes" bare
done
