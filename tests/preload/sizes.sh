#!/usr/bin/env bash
# Every function of the library that takes a size, a count or an alignment, at the edges of these: programs/sizes.cc.
# The list of functions is made here: what the headers declare, inline functions included, and what the library exports.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need nm

# Each function of the API, and whether one of its parameters is a number (an options struct has some, too).
"$CC" -E -P -I"$SOURCES/include" "$SOURCES/include/weir/weir.h" | tr '\n' ' ' | tr ';}' '\n\n' |
    sed -nE 's/__attribute__\(\(visibility\("default"\)\)\)//g; s/__attribute__ *\(\(.*$//; s/\{.*//; /typedef|struct [a-z_]+$/d
        s/.*[ *](weir_[a-z0-9_]+) *\((.*)$/\1 \2/p' |
    awk '{ number = $0 ~ /(([( ](size_t|u?int(32|64)_t|int|long|char|bool) )|_options \*)[a-z_]+ *[,)]/
           list[$1] = list[$1] || number }
         END { for (name in list) print name, list[name] }' | sort >"$SCRATCH/api"
# The parameters of the other exported functions are not known: each of these has a row, or is named here. Functions for
# threads, processes, libraries, signals and pages are left out.
nm -D --defined-only "$WEIR_MALLOC" | awk '$2 ~ /[TW]/ { sub(/@.*/, "", $3); print $3 }' | sort -u >"$SCRATCH/exported"
grep -vxE 'weir_.*|free|cfree|malloc_usable_size|mallinfo2?|malloc_stats|_Z(dl|da)Pv(RKSt9nothrow_t)?' "$SCRATCH/exported" |
    grep -vxE '(pthread|thrd|__register)_.*|prctl|dlopen|vfork|clone|posix_spawnp?|popen|system|wordexp|sig.*|epoll_p?wait|semtimedop|(pkey_)?mprotect|madvise|wait(4|p?id)|ppoll|p?select' | sed 's/$/ 1/' >"$SCRATCH/family"
comm -23 <(grep '^weir_' "$SCRATCH/exported") <(cut -d' ' -f1 "$SCRATCH/api") >"$SCRATCH/undeclared"
[ ! -s "$SCRATCH/undeclared" ] || fail "exported, and not seen in the headers: $(tr '\n' ' ' <"$SCRATCH/undeclared")"
cat "$SCRATCH/api" "$SCRATCH/family" >"$SCRATCH/list"
echo "$(wc -l <"$SCRATCH/list") functions, $(grep -c ' 1$' "$SCRATCH/list") with numbers"

for setting in WEIR_GOGC=100 WEIR_DEBUG=harden=1 WEIR_COLLECT=1 WEIR_DEBUG=arenacheck=1,poolcheck=1 \
    WEIR_HARDLIMIT=1GiB; do
    passes $setting "$WEIR_PROGRAMS/sizes" "$SCRATCH/list"
done
