#!/usr/bin/env bash
# The soft limit is that of the process: the memory that other libraries hold counts too. If the limit of the control group
# changes, the soft limit follows.
# Parts: kinds python resized group
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

beside() {
    passes WEIR_MEMLIMIT=400MiB "WEIR_GOGC=$1" GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 \
        "$WEIR_PROGRAMS/beside" 400 "$2"
}

part_kinds() {
    local gogc
    for gogc in 10 100 400 off; do
        beside "$gogc" mmap
    done
    beside off threads
    beside off libjemalloc.so.2
    # If only weir's memory counts, the process exceeds the limit: so the cases above do not pass by themselves.
    ! on_weir WEIR_MEMLIMIT=400MiB WEIR_MEMLIMIT_SCOPE=weir WEIR_GOGC=off "$WEIR_PROGRAMS/beside" 400 mmap \
        2>/dev/null || fail "the limit was held without counting the process"
}

# What the programs below do in common.
write_process_module() {
    cat >"$SCRATCH/process.py" <<'END'
MIB = 1 << 20

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024

def burst(blocks):
    [bytearray(b"x" * 100000) for _ in range(blocks)]

def breathe():
    global live
    live = None
    live = [bytearray(b"x" * 100000) for _ in range(500)]
END
}

part_python() {
    need python3
    write_process_module
    cat >"$SCRATCH/arenas.py" <<'END'
# 200 MiB of small objects, which python keeps in arenas of its own, beside 100 MiB of large ones, which are malloc's.
from process import MIB, resident

highest = 0
live = [bytearray(b"x" * 100000) for _ in range(1000)]
burst = [bytearray(b"x" * 100000) for _ in range(2000)]
del burst
small = []
while True:
    small.append([(i, -i) for i in range(1000, 11000)])  # some 1.3 MiB
    for i in range(0, 1000, 11):
        live[i] = bytearray(b"y" * (90000 + i))
    highest = max(highest, resident())
    if len(small) == 150:
        break
print(highest // MIB)
assert highest <= 400 * MIB * 1.02, highest
END
    passes WEIR_MEMLIMIT=400MiB WEIR_GOGC=off python3 "$SCRATCH/arenas.py"
}

# Files that stand for the control groups' are mounted over them, in a mount namespace of the test's own.
part_resized() {
    need python3 unshare
    unshare -rm true 2>/dev/null || {
        echo "SKIPPED: no name space of one's own here"
        exit 77
    }
    write_process_module
    cat >"$SCRATCH/resized.py" <<'END'
import sys, time
from process import MIB, breathe, burst, resident
path = sys.argv[1]

burst(3000)
breathe()
assert resident() > 250 * MIB, resident()  # the group has 1 GiB: idle memory is kept
with open(path, "w") as file:
    file.write(f"{200 * MIB}\n")
while resident() > 200 * MIB * 0.92:  # timeout ends it if it hangs
    time.sleep(0.005)
    breathe()
burst(1000)
breathe()
assert resident() <= 200 * MIB * 0.92, resident()
with open(path, "w") as file:
    file.write("max\n")
while resident() < 250 * MIB:
    time.sleep(0.005)
    burst(3000)
END
    local version file
    for version in 1 2; do
        grep -q "$([ $version = 1 ] && echo ':memory:' || echo '^0::')" /proc/self/cgroup || {
            echo "left out: version $version, which this machine does not have"
            continue
        }
        rm -rf "$SCRATCH/groups"
        if [ $version = 1 ]; then
            file=memory/memory.limit_in_bytes
        else
            file=memory.max
        fi
        mkdir -p "$SCRATCH/groups/memory"
        echo $((1 << 30)) >"$SCRATCH/groups/$file"
        timeout $HANG unshare -rm sh -c 'mount --bind "$1" /sys/fs/cgroup && shift && exec "$@"' sh "$SCRATCH/groups" \
            env LD_PRELOAD="$WEIR_MALLOC" WEIR_MEMLIMIT=90% WEIR_GOGC=off \
            python3 "$SCRATCH/resized.py" "/sys/fs/cgroup/$file" || fail "version $version"
        echo "version $version: the limit follows"
    done
}

# group_of_own: the folder of a memory control group that this test has made in its own, and the file of its limit. Fails
# where the test may not make one. Under version 2 the controller has to be handed down to a group's children.
group_of_own() {
    local version1 version2 group
    version1=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
    version2=$(sed -n 's/^0:://p' /proc/self/cgroup)
    if [ -n "$version1" ]; then
        group=/sys/fs/cgroup/memory$version1/weir-test-$$
        mkdir "$group" 2>/dev/null && echo "$group memory.limit_in_bytes"
    else
        group=/sys/fs/cgroup$version2/weir-test-$$
        mkdir "$group" 2>/dev/null || return 1
        [ -e "$group/memory.max" ] && echo "$group memory.max" || {
            rmdir "$group"
            return 1
        }
    fi
}

# A real group, made by the test where it may. The kernel refuses a limit below what is in use (version 1), or ends a process
# (version 2): so the limit goes down to a little more than that.
part_group() {
    need python3
    local group file
    read -r group file < <(group_of_own) || {
        echo "SKIPPED: no control group of one's own here"
        exit 77
    }
    # May it set the limit, and move a process there?
    (echo $((1 << 30)) >"$group/$file" && echo "$BASHPID" >"$group/cgroup.procs") 2>/dev/null || {
        rmdir "$group"
        echo "SKIPPED: a control group, but neither its limit nor its processes may be set"
        exit 77
    }
    write_process_module
    cat >"$SCRATCH/grouped.py" <<'END'
import sys, time
from process import MIB, breathe, burst, resident
folder, file = sys.argv[1:]

def set_limit(limit):
    with open(f"{folder}/{file}", "w") as knob:
        knob.write(f"{limit}\n")

burst(3000)
breathe()
before = resident()
assert before > 250 * MIB, before  # the group has 1 GiB: idle memory is kept
limit = before + 16 * MIB
set_limit(limit)
began = time.monotonic()
while resident() > limit * 0.92:  # timeout ends it if it hangs
    breathe()
print(f"from {before // MIB} to {resident() // MIB} MiB after {1000 * (time.monotonic() - began):.0f} ms")
set_limit(1 << 30)
while resident() < before - 8 * MIB:
    burst(3000)
END
    local status=0
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec timeout $HANG env LD_PRELOAD="$WEIR_MALLOC" WEIR_MEMLIMIT=90% WEIR_GOGC=off \
            python3 "$SCRATCH/grouped.py" "$group" "$file"
    ) || status=$?
    rmdir "$group"
    [ "$status" = 0 ] || fail "the limit of $group was not followed: status $status"
}

run_parts "$@"
