#!/bin/sh
# The layers: a source may include what stands below it or beside it in its own folder, and nothing above. The includes among
# modules have no cycle; a module is NAME.c with NAME.h.
#   layers.sh [SOURCE-DIR]
set -eu
cd "${1:-.}"

# From the bottom upwards; those of one line know nothing of each other.
LAYERS='
runtime/base runtime/policy
runtime/os
runtime/process runtime/unwind
runtime/config
runtime/stop
runtime/region
runtime/pages
runtime/cells
runtime/threads
runtime/cycle
runtime/profile
runtime/debug
runtime/malloc
runtime/gc/cells runtime/harden
runtime/control
runtime/heap
runtime/gc/roots
runtime/gc/mark
runtime/gc/refs
runtime/gc/debug
runtime/gc/cycle
runtime/observe pool arena
runtime/api
runtime/swap runtime/service runtime/http
'
# Modules that know each other. This list may only get shorter.
#   pool.h is the header of all sources of its folder
#   an arena has its place in the list of arenas, and the list goes through the blocks of arenas
CYCLES='
pool/check pool/pool
arena/live arena/arena
'
# No folder has more sources than a reader can hold in mind.
SOURCES=16

failed=0
sources=$(find runtime pool arena -name '*.[ch]' | sort)

# 1. What is included stands below.
echo "$sources" | xargs awk -v layers="$LAYERS" '
    BEGIN {
        count = split(layers, lines, "\n")
        for (i = 1; i <= count; i++) {
            folders = split(lines[i], names, " ")
            for (j = 1; j <= folders; j++)
                height[names[j]] = i
        }
    }
    function folder(path) {
        sub(/\/[^\/]*$/, "", path)
        return path
    }
    match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/) {
        included = $0
        sub(/^[^"]*"/, "", included)
        sub(/".*/, "", included)
        from = folder(FILENAME)
        to = folder(included)
        if (!(from in height))
            wrong = "no layer is known for " from
        else if (index(included, "/") == 0)
            wrong = "write the path from the root"
        else if (to == "weir" || to == "include/weir" || from == to)
            next
        else if (!(to in height) || height[to] >= height[from])
            wrong = from " may not know " to
        else
            next
        printf "%s:%d: %s: %s\n", FILENAME, FNR, included, wrong
        failed = 1
    }
    END { exit failed }
' || failed=1

# 2. The includes among the modules of a folder have no cycle, but those of CYCLES: there the first may include the second too.
edges() {
    echo "$sources" | xargs awk '
        function module(path) {
            sub(/\.(c|h|def)$/, "", path)
            return path
        }
        function folder(path) {
            sub(/\/[^\/]*$/, "", path)
            return path
        }
        /^[ \t]*#[ \t]*include[ \t]*"(runtime|pool|arena)\// {
            included = $0
            sub(/^[^"]*"/, "", included)
            sub(/".*/, "", included)
            if (folder(FILENAME) == folder(included) && module(FILENAME) != module(included))
                print module(FILENAME), module(included)
        }' | sort -u
}
edges | grep -vxF "$(echo "$CYCLES" | sed '/^$/d')" | tsort 2>&1 >/dev/null |
    awk '/loop/ { loops++ } loops == 1 { sub(/^tsort: (-: )?/, ""); print } END { exit loops > 0 }' || failed=1
for known in $(echo "$CYCLES" | tr ' ' '>'); do
    cycle=$(echo "$known" | tr '>' ' ')
    if [ "$(edges | grep -cxF -e "$cycle" -e "${cycle#* } ${cycle% *}")" -ne 2 ]; then
        echo "$cycle: is no cycle any more; take it off the list of tests/layers.sh"
        failed=1
    fi
done

# 3. Folders are small.
echo "$sources" | sed -n 's/\/[^/]*\.c$//p' | sort | uniq -c | awk -v most="$SOURCES" '
    $1 > most { printf "%s: %d sources, at most %d\n", $2, $1, most; failed = 1 }
    END { exit failed }' || failed=1

# 4. A hook, by which a folder calls one above it, is defined where the table says; and each hook is in the table.
table=$(sed -n '/^#ifndef/q; s/^ \*     \([a-z_]*\)  .* \(runtime\/[^ ]*\.c\) .*/\1@\2/p' runtime/heap/hooks.h)
for entry in $table; do
    grep -qE "\<${entry%@*}( =|\()" "${entry#*@}" || {
        echo "runtime/heap/hooks.h: ${entry%@*} is not in ${entry#*@}"
        failed=1
    }
done
for hook in $(grep -ohE '\<hook_[a-z_]+' -r runtime --include='*.[ch]' | sort -u); do
    case "$table" in
    *"$hook@"*) ;;
    *)
        echo "runtime/heap/hooks.h: $hook is not in the table"
        failed=1
        ;;
    esac
done
exit $failed
