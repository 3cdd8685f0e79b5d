#!/usr/bin/env bash
# perl and lua.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need perl lua5.4

export PERL_HASH_SEED=0 TIGHT_LIMIT=8MiB
same_output perl "$SOURCES/tests/preload/real/work.pl"
same_output lua5.4 "$SOURCES/tests/preload/real/work.lua"
