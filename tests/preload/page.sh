#!/usr/bin/env bash
# The page of the endpoint, in headless Chromium (page/page.py): what it shows, its knobs by keyboard and mouse, the plot
# that follows, dark colours, a phone's width, names for screen readers, and no error on the console.
# Parts: turn locked unlock say
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need_endpoint curl chromium chromedriver
export HOME=$SCRATCH
TOKEN=0123456789abcdef0

# browse PART [TOKEN]: the program is served, and a person does what the part says.
browse() {
    local port
    port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    WEIR_HTTP_TOKEN=${2-} "$WEIR" run --http "127.0.0.1:$port" -- "$WEIR_PROGRAMS/kinds" 2>served.err &
    local program=$!
    at_end 'touch "$SCRATCH/stop"'
    until curl -s "http://127.0.0.1:$port/" -o index; do
        kill -0 $program || fail "$(<served.err)"
        sleep 0.05
    done
    grep -q '<!doctype html>' index || {
        echo "SKIPPED: built without the page (npm)"
        exit 77
    }
    timeout $HANG "$PYTHON" "$SOURCES/tests/preload/page/page.py" "$1" "$port" ${2+"$2"} || fail "$1"
    touch stop
    wait $program || fail "the program ended with $?"
    [ ! -s served.err ] || fail "$(<served.err)"
    rm stop
}

part_turn() { browse turn $TOKEN; }
part_say() {
    local address=
    "$WEIR" run --page -- "$WEIR_PROGRAMS/kinds" 2>served.err &
    at_end 'touch "$SCRATCH/stop"'
    until address=$(sed -n 's,^weir: \(http://127\.0\.0\.1:[0-9]*\)/#token=[0-9a-f]\{32\}$,\1,p' served.err) && [ "$address" ]; do sleep 0.05; done
    curl -sf "$address/debug/figures" | grep '"changes": "token"' >/dev/null || fail "$address"
    curl -sf -X POST -H "Authorization: Bearer $(sed 's/.*token=//' served.err)" "$address/debug/tune?gogc=50" >/dev/null || fail "the token is another"
    touch stop
    wait $! || fail "the program ended with $?"
}
part_locked() { browse locked; }
part_unlock() { browse unlock $TOKEN; }

run_parts "$@"
