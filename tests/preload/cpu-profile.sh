#!/usr/bin/env bash
# CPU profiles of programs on weir: perf and gperftools' profiler name weir's functions, and its signal, 1,000 times a second of
# processor time, disturbs neither the program nor a collection.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need nm
cd "$SCRATCH"
python=/usr/bin/python3
[ -x $python ] || {
    echo "SKIPPED: $python is not installed"
    exit 77
}
# Enough processor time for some hundred samples on any machine.
cat >work.py <<'END'
import time
end = time.process_time() + 0.5
total = 0
while time.process_time() < end or total < 1:
    total += len([str(number) * 3 for number in range(20000)]) // 20000
print(total > 0)
END
nm "$WEIR_MALLOC" | awk '$2 ~ /[tT]/ { print $3 }' | sort -u >functions

# names_functions WHO: at least two of the names in `named`, one a line, are functions of weir
names_functions() {
    local count
    count=$(sort -u named | comm -12 - functions | wc -l)
    [ "$count" -ge 2 ] || fail "$1 names $count functions of weir: $(head -n 20 named)"
    echo "$1 names $count functions of weir"
}

profiler=$(ldconfig -p | awk '$1 == "libprofiler.so.0" { print $NF }')
if [ -n "$profiler" ] && command -v google-pprof >/dev/null; then
    for setting in WEIR_GOGC=100 "WEIR_COLLECT=1 WEIR_GOGC=25 WEIR_DEBUG=gcverify=1" "WEIR_COLLECT=1 WEIR_DEBUG=stop=signal"; do
        timeout $HANG env $setting PYTHONMALLOC=malloc CPUPROFILE=cpu.prof CPUPROFILE_FREQUENCY=1000 \
            LD_PRELOAD="$WEIR_MALLOC $profiler" $python work.py >out 2>err || fail "$setting: status $?: $(<err)"
        [ "$(<out)" = True ] || fail "$setting: printed $(<out)"
        ! grep -q '^weir: ' err || fail "$setting: $(<err)"
        google-pprof --text $python cpu.prof 2>/dev/null | awk 'NR > 1 { print $NF }' >named
        names_functions "libprofiler, $setting"
    done
else
    echo "left out: google-pprof or libprofiler is not installed"
fi

if perf record -e cpu-clock -F 999 -o perf.data true >/dev/null 2>&1; then
    timeout $HANG perf record -e cpu-clock -F 999 -o perf.data \
        env LD_PRELOAD="$WEIR_MALLOC" PYTHONMALLOC=malloc $python work.py >out 2>/dev/null
    grep -qx True out || fail "printed $(<out)"
    perf report -i perf.data --stdio --sort symbol 2>/dev/null | awk '{ for (i = 1; i < NF; i++) if ($i == "[.]") print $(i + 1) }' >named
    names_functions perf
else
    echo "left out: perf may not record here"
fi
