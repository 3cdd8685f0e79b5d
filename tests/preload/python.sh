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
parts_of_suite=('test_dict test_json test_deque' 'test_list test_re test_zlib' 'test_bytes test_collections test_memoryview')
# Each setting runs the script, and a third of the suite.
real() {
    local settings=("${SETTINGS[@]}") i
    same_output "$python" "$SOURCES/tests/preload/real/work.py"
    PYTHONMALLOC=malloc same_output "$python" "$SOURCES/tests/preload/real/work.py"
    for i in "${!settings[@]}"; do
        SETTINGS=("${settings[i]}")
        # shellcheck disable=SC2086
        PYTHONMALLOC=malloc same_output bash -o pipefail -c 'suite "${@/#/test.}"' suite ${parts_of_suite[i % 3]}
    done
}
run_parts "$@"
