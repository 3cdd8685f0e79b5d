#!/usr/bin/env bash
# A machine with vm.overcommit_memory=2: the kernel refuses to promise more than it has. The setting is that of the
# whole machine: it is changed for the second that the programs need. A keeper in a session of its own puts it back when this
# test ends, also if it is killed, and holds a lock until then: tests of other checkouts wait for it.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

knob=/proc/sys/vm/overcommit_memory
exec {lock}<"$knob"
flock "$lock"
before=$(cat "$knob")
if ! { echo "$before" >"$knob"; } 2>/dev/null; then
    echo "SKIPPED: $knob cannot be written here"
    exit 77
fi
exec {keeper}> >(exec setsid sh -c 'trap "" HUP INT TERM; cat >/dev/null; echo "$1" >"$2"' keeper "$before" "$knob")
keeper_id=$!
exec {lock}<&-
echo 2 >"$knob"
for program in malloc-table zero-again thread-exit; do
    passes "$WEIR_PROGRAMS/$program"
done
exec {keeper}>&-
wait "$keeper_id"
[ "$(cat "$knob")" = "$before" ] || fail "$knob was not put back"
