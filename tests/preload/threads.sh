#!/usr/bin/env bash
# Threads that end in any order, with destructors that allocate; 10,000 short-lived ones; C++ thread_local; more keys
# than a thread has room for; setuid, for which the C library needs every thread, the runtime's own too.
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
