#!/bin/sh
# The layers: a source may include what stands below it or beside it in its own folder, and nothing above.
#   layers.sh [SOURCE-DIR]
set -eu
cd "${1:-.}"

find runtime pool arena -name '*.[ch]' 2>/dev/null | sort | xargs awk '
    BEGIN {
        count = split("runtime/os runtime/pages runtime/heap runtime/collect", below)
        for (i = 1; i <= count; i++)
            height[below[i]] = i
        height["runtime/observe"] = height["pool"] = height["arena"] = 5
        height["runtime/api"] = 6
        height["runtime/swap"] = height["runtime/http"] = 7
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
'
