#!/bin/sh
# The manual pages are found by name in the installed tree, and the formatter has nothing to say against them.
set -eu

for page in 1/weir 3/weir 7/libweir-malloc; do
    section=${page%/*}
    name=${page#*/}
    file=$(man --manpath="$PREFIX/share/man" --where "$section" "$name")
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings --local-file "$file" 2>&1 >/dev/null)
    if [ -n "$warnings" ]; then
        echo "$file: $warnings" >&2
        exit 1
    fi
    echo "$file"
done
