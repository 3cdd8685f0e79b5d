#!/usr/bin/env bash
# redis: a server fills with what a fixed list of commands says, saves itself (a forked child writes the file) and
# loads it again; its answers and the digest of its content have to be the same. Then redis-benchmark puts it under
# load.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
need redis-server redis-cli redis-benchmark "${PYTHON:-python3}"

free_port() {
    "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Every kind of value, small and large, overwritten and deleted.
fill_commands() {
    awk 'BEGIN {
        seed = 1
        for (i = 0; i < 15000; i++) {
            seed = seed * 48271 % 2147483647
            key = seed % 997; size = seed % 13 ? seed % 200 + 1 : seed % 5000 + 1
            value = sprintf("%0*d", size, seed)
            kind = i % 10
            if (kind < 3) print "SET s" key, value
            else if (kind == 3) print "APPEND s" key, value
            else if (kind == 4) print "HSET h" key, "field" seed % 50, value
            else if (kind == 5) print (seed % 2 ? "LPUSH" : "RPUSH"), "l" key % 50, value
            else if (kind == 6) print "SADD a" key, seed % 3000, value
            else if (kind == 7) print "ZADD z" key, seed % 100, value
            else if (kind == 8) print "DEL s" (key + 7) % 997, "h" (key + 5) % 997
            else print "LTRIM l" key % 50, 0, 40
        }
    }'
}

ask_commands() {
    for key in 1 10 100; do
        echo "GET s$key
HLEN h$key
HMGET h$key field1 field2 field3 field10 field20 field30 field40
LRANGE l$key 0 -1
SORT a$key ALPHA
ZRANGE z$key 0 -1 WITHSCORES"
    done
    echo 'DBSIZE
DEBUG DIGEST
DEBUG RELOAD
DEBUG DIGEST'
}

start() {
    rm -f "$SCRATCH/dump.rdb"
    port=$(free_port)
    "$@" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$SCRATCH" --loglevel warning \
        --enable-debug-command yes >"$SCRATCH/server.log" 2>&1 &
    server=$!
    while kill -0 $server 2>/dev/null; do
        ! redis-cli -p "$port" ping >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    fail "redis-server does not answer: $(tail -n 5 "$SCRATCH/server.log")"
}

wait_for_save() {
    while [[ $(redis-cli -p "$port" info persistence) == *bgsave_in_progress:1* ]]; do
        sleep 0.05
    done
    [[ $(redis-cli -p "$port" info persistence) == *rdb_last_bgsave_status:ok* ]] || fail "BGSAVE failed"
}

stop() {
    wait_for_save
    redis-cli -p "$port" shutdown nosave >/dev/null 2>&1 || true
    wait "$server" || fail "redis-server ended with status $?: $(tail -n 5 "$SCRATCH/server.log")"
    ! grep '^weir: ' "$SCRATCH/server.log" || fail "a word from weir"
}

content() {
    fill_commands | redis-cli -p "$port"
    redis-cli -p "$port" bgsave
    wait_for_save
    ask_commands | redis-cli -p "$port"
}

at_end 'kill $server 2>/dev/null'
start on_system
content >"$SCRATCH/expected"
stop
lines=$(wc -l <"$SCRATCH/expected")
[ "$lines" -gt 15000 ] || fail "only $lines answers"

for setting in "${SETTINGS[@]}"; do
    start on_weir $setting
    content >"$SCRATCH/answers"
    cmp -s "$SCRATCH/expected" "$SCRATCH/answers" || {
        diff "$SCRATCH/expected" "$SCRATCH/answers" | head -n 10 >&2
        fail "$setting: redis answers differently"
    }
    redis-benchmark -p "$port" -n 20000 -P 16 -r 10000 -d 100 -q -t set,get,lpush,rpop,sadd,hset,zadd,lrange_100 \
        >"$SCRATCH/benchmark" 2>&1 || fail "$setting: redis-benchmark: $(tail -n 3 "$SCRATCH/benchmark")"
    [ "$(grep -c 'requests per second' "$SCRATCH/benchmark")" -ge 8 ] || fail "$setting: redis-benchmark left tests out"
    redis-cli -p "$port" bgsave >/dev/null
    stop
    echo "same answers ($lines lines), benchmark done: redis with $setting"
done
