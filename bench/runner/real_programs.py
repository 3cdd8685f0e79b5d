"""Programs people run: redis, sqlite3, python3 and gcc. One that is not installed is said so and left out."""

import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .libraries import GLIBC, Library, system_file
from .programs import Program

INPUTS = Path(__file__).resolve().parents[1] / "real"


def programs(scratch, quick):
    """`scratch` is a folder for generated input, databases and objects."""
    found = []
    if installed("redis-server", "redis-benchmark", "redis-cli"):
        found.append(Redis(scratch, requests=20_000 if quick else 200_000))
    if installed("sqlite3"):
        rows = 20_000 if quick else 300_000
        script = scratch / "orders.sql"
        script.write_text((INPUTS / "orders.sql").read_text().replace("ROWS", str(rows)))
        found.append(Program("sqlite3", "real", ["sqlite3", ":memory:"], stdin=script, same_output=True))
    found.append(Program("python3", "real", [sys.executable, INPUTS / "texts.py", "1" if quick else "8"],
                         # Without it, Python serves small objects from arenas of its own.
                         environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}, same_output=True))
    if installed("gcc"):
        source = scratch / "generated.c"
        source.write_text(generated_source(functions=60 if quick else 600))
        found.append(Program("gcc", "real", ["gcc", "-O2", "-c", source, "-o", scratch / "generated.o"]))
    return found


def installed(*names):
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        print(f"{', '.join(missing)}: not installed, left out", file=sys.stderr)
    return not missing


def generated_source(functions):
    """C of the kind compilers spend their time on: structs, loops, switches, calls."""
    parts = ["struct node { int key; struct node *left, *right; double weight; };\n"]
    for i in range(functions):
        cases = "".join(f"        case {c}: sum += node->key * {c + i}; break;\n" for c in range(12))
        call = f"        sum += work_{i - 1}(node->left, depth - 1);\n" if i else ""
        parts.append(
            f"int work_{i}(struct node *node, int depth) {{\n"
            f"    int sum = {i};\n"
            f"    for (int n = 0; node && n < depth; n++, node = n & 1 ? node->left : node->right) {{\n"
            f"        switch ((node->key ^ n) % 13) {{\n{cases}        }}\n"
            f"        node->weight = node->weight * {i}.5 + sum;\n"
            f"    }}\n"
            f"    if (node && depth > 0) {{\n{call}    }}\n"
            f"    return sum;\n}}\n")
    return "\n".join(parts)


@dataclass
class Redis:
    """A server under the library; redis-benchmark, on nothing, sends it a fixed number of requests."""
    scratch: Path
    requests: int
    name: str = "redis"
    group: str = "real"

    def run(self, launcher, library):
        port = str(free_port())
        server = launcher.start(in_front_of_everything(library), [
            "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", self.scratch, "--loglevel", "warning"])
        try:
            failure, seconds = self.drive(launcher, port)
        except BaseException:
            server.kill()
            raise
        if failure:
            server.kill()
        sample = server.finish()
        return replace(sample, seconds=seconds, failure=sample.failure or failure)

    def drive(self, launcher, port):
        """Waits for the server, sends the requests, ends it; returns the failure and the client's time."""
        if not answers(port, patience=10):
            return "the server does not answer", 0.0
        client = launcher.run(GLIBC, [
            "redis-benchmark", "-h", "127.0.0.1", "-p", port, "-n", self.requests, "-r", "100000", "-P", "16",
            "-d", "100", "-q", "-t", "set,get,lpush,lpop,sadd,hset,zadd,lrange_100"])
        if client.failure or "requests per second" not in client.output:
            return f"redis-benchmark: {client.failure or 'printed no result'}", 0.0
        redis_cli(port, "shutdown", "nosave")
        return "", client.seconds


def in_front_of_everything(library):
    """Debian's redis-server is linked to jemalloc: to measure glibc, glibc has to be preloaded too."""
    return library if library.path else Library(library.name, system_file("libc.so.6"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_cli(port, *command):
    words = ["redis-cli", "-h", "127.0.0.1", "-p", port, *command]
    return subprocess.run(words, capture_output=True, text=True).stdout


def answers(port, patience):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if "PONG" in redis_cli(port, "ping"):
            return True
        time.sleep(0.05)
    return False
