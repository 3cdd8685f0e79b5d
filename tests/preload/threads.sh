#!/usr/bin/env bash
# Threads that end in any order, with destructors that allocate; 10,000 short-lived ones; C++ thread_local; more keys
# than a thread has room for; setuid, for which the C library needs every thread; a process that ends with its last thread.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

for setting in WEIR_GOGC=100 WEIR_MEMLIMIT=16MiB; do
    passes "$setting" "$WEIR_PROGRAMS/thread-exit"
    passes "$setting" "$WEIR_PROGRAMS/thread-local"
    passes "$setting" "$WEIR_PROGRAMS/short-threads"
    passes "$setting" "$WEIR_PROGRAMS/many-keys"
done

for settings in WEIR_GOGC=100 WEIR_BACKGROUND=1 WEIR_COLLECT=1 "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal" \
    "WEIR_COLLECT=1 WEIR_DEBUG=gcconcurrent=always"; do
    # shellcheck disable=SC2086
    passes $settings "$WEIR_PROGRAMS/changes-user"
done
for settings in WEIR_GOGC=100 WEIR_BACKGROUND=1 WEIR_COLLECT=1 "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal" \
    "WEIR_COLLECT=1 WEIR_DEBUG=gcconcurrent=always" WEIR_DEBUG=stats=1,statsevery=60s WEIR_DEBUG=leaks=1,leaksignal=10; do
    # shellcheck disable=SC2086
    said=$(on_weir $settings timeout -s KILL 60 "$WEIR_PROGRAMS/leaves" 2>/dev/null) || fail "$settings: it does not end well"
    [ "$said" = left ] || fail "$settings: $said"
done
echo "the process ends with the last thread of the program"
