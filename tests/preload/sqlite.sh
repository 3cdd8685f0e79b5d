#!/usr/bin/env bash
# sqlite3: builds a database, questions it, changes it; the file it leaves has to be the same, byte for byte.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need sqlite3

export SCRIPT="$SOURCES/tests/preload/real/shop.sql"
same_output sh -c 'sqlite3 shop.db <"$SCRIPT" && sha256sum shop.db && sqlite3 shop.db .dump | sha256sum'
