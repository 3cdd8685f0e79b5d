#!/usr/bin/env bash
# Python: a script of ours, with Python's own small-object allocator and without, and part of Python's test suite.
# Parts: manual collected
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

python=
for candidate in "${PYTHON:-python3}" python3 /usr/bin/python3; do
    if found=$("$candidate" -c 'import sys, test.test_dict; print(sys.executable)' 2>/dev/null); then
        python=$found
        break
    fi
done
[ -n "$python" ] || {
    echo "SKIPPED: no Python with its test suite (Debian: libpython3.11-testsuite)"
    exit 77
}

export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 TIGHT_LIMIT=16MiB
# unittest names each test and its result; only the time it took has to go.
suite() {
    "$python" -m unittest -v "$@" 2>&1 | sed 's/^\(Ran [0-9]* tests\) in .*/\1/'
}
export -f suite
export python
real() {
    same_output "$python" "$SOURCES/tests/preload/real/work.py"
    PYTHONMALLOC=malloc same_output "$python" "$SOURCES/tests/preload/real/work.py"
    PYTHONMALLOC=malloc same_output bash -o pipefail -c 'suite test.test_dict test.test_list test.test_json test.test_re \
        test.test_zlib test.test_bytes test.test_collections test.test_memoryview test.test_deque'
}
run_parts "$@"
