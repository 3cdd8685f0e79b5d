"""Programs people run: interpreters, compilers, solvers, databases, servers, git and image processing. One that is not
installed is left out, with a line on stderr.
"""

import getpass
import os
import random
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
    groups = (redis, memcached, nginx, postgres, databases, pythons, interpreters, compilers, tools)
    return [program for group in groups for program in group(scratch, quick)]


def redis(scratch, quick):
    if not installed("redis-server", "redis-benchmark", "redis-cli"):
        return []
    return [Redis(scratch, requests=20_000 if quick else 200_000),
            Redis(scratch, requests=20_000 if quick else 200_000, name="redis-save", saves=True)]


def memcached(scratch, quick):
    return [Memcached(sets=30_000 if quick else 400_000)] if installed("memcached") else []


def nginx(scratch, quick):
    return [Nginx(scratch, requests=3_000 if quick else 40_000)] if installed("nginx") else []


def postgres(scratch, quick):
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders or not (folders[-1] / "initdb").exists() or not shutil.which("pgbench"):
        installed("postgres")
        return []
    if os.geteuid() == 0:
        print("postgres: does not run as root, left out", file=sys.stderr)
        return []
    return [Postgres(scratch, folders[-1], transactions=300 if quick else 3_000)]


def databases(scratch, quick):
    if not installed("sqlite3"):
        return []
    script = scratch / "orders.sql"
    script.write_text((INPUTS / "orders.sql").read_text().replace("ROWS", str(20_000 if quick else 300_000)))
    return [Program("sqlite3", "real", ["sqlite3", ":memory:"], stdin=script, same_output=True)]


def pythons(scratch, quick):
    # The system's interpreter, not a wrapper that comes first in PATH.
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    texts = [python, INPUTS / "texts.py", "1" if quick else "8"]
    found = [Program("python3", "real", texts, environment={"PYTHONHASHSEED": "0"}, same_output=True),
             # Without it, Python serves small objects from arenas of its own.
             Program("python3-malloc", "real", texts, same_output=True,
                     environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"})]
    if subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0:
        found.append(Program("numpy", "real", [python, INPUTS / "temporaries.py", "1" if quick else "3"],
                             environment={"OPENBLAS_NUM_THREADS": "1"}, same_output=True))
    else:
        print("python3-numpy: not installed, left out", file=sys.stderr)
    return found


def interpreters(scratch, quick):
    found = []
    for name, command, file, amount in (("ruby", "ruby", "records.rb", 5), ("perl", "perl", "records.pl", 3),
                                        ("lua", "lua5.4", "records.lua", 5)):
        if installed(command):
            found.append(Program(name, "real", [command, INPUTS / file, "1" if quick else str(amount)],
                                 environment={"PERL_HASH_SEED": "0"}, same_output=True))
    return found


def compilers(scratch, quick):
    found = []
    if installed("gcc"):
        source = scratch / "generated.c"
        source.write_text(generated_source(functions=60 if quick else 600))
        found.append(Program("gcc", "real", ["gcc", "-O2", "-c", source, "-o", scratch / "generated.o"]))
    if installed("g++"):
        level = "-O0" if quick else "-O2"
        found.append(Program("g++", "real", ["g++", "-std=c++17", level, "-c", INPUTS / "templates.cc", "-o",
                                             scratch / "templates.o"]))
    if installed("z3"):
        formula = scratch / "holes.smt2"
        formula.write_text(pigeons(holes=7 if quick else 9))
        found.append(Program("z3", "real", ["z3", formula], same_output=True))
    return found


def tools(scratch, quick):
    found = []
    if installed("git"):
        repository = scratch / "repository"
        make_repository(repository, commits=60 if quick else 600)
        found.append(Program("git", "real", ["git", "-C", repository, "-c", "pack.threads=1", "repack", "-adfq",
                                             "--depth=50", "--window=50"]))
    if installed("jq"):
        document = scratch / "records.json"
        document.write_text(json_records(4_000 if quick else 100_000))
        query = "group_by(.name) | map({name: .[0].name, sum: map(.score) | add}) | sort_by(.sum) | .[-1]"
        found.append(Program("jq", "real", ["jq", query, document], same_output=True))
    convert = shutil.which("convert-im6.q16") or shutil.which("convert")
    if convert:
        size = "600x400" if quick else "2400x1600"
        found.append(Program("imagemagick", "real", [
            convert, "-seed", "1", "-size", size, "plasma:fractal", "-blur", "0x3", "-resize", "70%", "-rotate", "7",
            "-normalize", scratch / "out.png"], environment={"MAGICK_THREAD_LIMIT": "1"}))
    else:
        installed("convert")
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


def pigeons(holes):
    """One pigeon more than there are holes: no solver finds that out quickly."""
    lines = ["(set-logic QF_UF)"]
    lines += [f"(declare-const p{p}_{h} Bool)" for p in range(holes + 1) for h in range(holes)]
    lines += ["(assert (or " + " ".join(f"p{p}_{h}" for h in range(holes)) + "))" for p in range(holes + 1)]
    lines += [f"(assert (not (and p{p}_{h} p{q}_{h})))"
              for h in range(holes) for p in range(holes + 1) for q in range(p)]
    return "\n".join([*lines, "(check-sat)", ""])


def json_records(count):
    numbers = random.Random(42)
    records = (f'{{"id": {i}, "name": "n{numbers.randrange(500)}", "score": {numbers.randrange(1000)}, '
               f'"tags": ["t{numbers.randrange(50)}", "t{numbers.randrange(50)}"]}}' for i in range(count))
    return "[" + ",\n".join(records) + "]"


def make_repository(folder, commits):
    """A history of small changes to twenty files, by git fast-import."""
    numbers = random.Random(42)
    files = {f"file{i}.txt": [f"line {k} {numbers.random()}" for k in range(400)] for i in range(20)}
    stream = []
    for commit in range(commits):
        changed = list(files) if commit == 0 else numbers.sample(list(files), 4)
        stream.append(f"commit refs/heads/main\ncommitter a <a@example.org> {1700000000 + commit} +0000\n"
                      f"data 2\nc\n")
        for name in changed:
            files[name][numbers.randrange(400)] = f"changed {commit} {numbers.random()}"
            text = "\n".join(files[name])
            stream.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)


@dataclass
class Server:
    """A program that serves until it is told to end; what counts is the time a client needs."""
    name: str
    group: str = "real"

    def run(self, launcher, library):
        server = self.start(launcher, in_front_of_everything(library))
        try:
            failure, seconds, more_kib = self.drive(launcher)
        except BaseException:
            server.kill()
            raise
        if failure:
            server.kill()
        sample = server.finish()
        return replace(sample, seconds=seconds, rss_kib=sample.rss_kib + more_kib,
                       failure=failure or sample.failure)


@dataclass
class Redis(Server):
    """redis-benchmark, without a preloaded library, sends it a fixed number of requests. `saves`: a child of fork writes
    a snapshot meanwhile, and the memory that is copied because of that is added to the peak."""
    scratch: Path = None
    requests: int = 0
    name: str = "redis"
    saves: bool = False

    def __init__(self, scratch, requests, name="redis", saves=False):
        super().__init__(name)
        self.scratch, self.requests, self.saves = scratch, requests, saves

    def start(self, launcher, library):
        self.port = str(free_port())
        return launcher.start(library, [
            "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", self.scratch, "--loglevel", "warning"])

    def drive(self, launcher):
        """Waits for the server, sends the requests, ends it: the failure, the client's time, memory copied."""
        if not answers(self.port, timeout=10):
            return "the server does not answer", 0.0, 0
        tests = "set,get,lpush,lpop,sadd,hset,zadd,lrange_100"
        if self.saves:
            redis_cli(self.port, "debug", "populate", str(self.requests), "key", "200")
            redis_cli(self.port, "bgsave")
            tests = "set,get,lpush,sadd"
        client = launcher.run(GLIBC, [
            "redis-benchmark", "-h", "127.0.0.1", "-p", self.port, "-n", self.requests, "-r", "100000", "-P", "16",
            "-d", "100", "-q", "-t", tests])
        if client.failure or "requests per second" not in client.output:
            return f"redis-benchmark: {client.failure or 'printed no result'}", 0.0, 0
        copied = self.copied_kib() if self.saves else 0
        redis_cli(self.port, "shutdown", "nosave")
        return "", client.seconds, copied

    def copied_kib(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            info = dict(line.split(":", 1) for line in redis_cli(self.port, "info", "persistence").splitlines()
                        if ":" in line)
            if info.get("rdb_bgsave_in_progress") == "0":
                return int(info.get("rdb_last_cow_size", "0")) // 1024
            time.sleep(0.05)
        return 0


@dataclass
class Memcached(Server):
    """Items of 20 to 8,000 bytes are set, more than it has memory for, so that it drops the oldest."""
    sets: int = 0

    def __init__(self, sets):
        super().__init__("memcached")
        self.sets = sets

    def start(self, launcher, library):
        self.port = free_port()
        return launcher.start(library, ["memcached", "-l", "127.0.0.1", "-p", self.port, "-m", "64", "-A",
                                        "-u", getpass.getuser()])

    def drive(self, launcher):
        numbers = random.Random(42)
        with connect(self.port, timeout=10) as client:
            begin = time.monotonic()
            for first in range(0, self.sets, 500):
                parts = []
                for _ in range(min(500, self.sets - first)):
                    size = int(20 * 400 ** numbers.random())
                    parts.append(f"set k{numbers.randrange(50_000)} 0 0 {size}\r\n".encode() + b"x" * size + b"\r\n")
                client.sendall(b"".join(parts))
                receive(client, len(parts) * len(b"STORED\r\n"))
            seconds = time.monotonic() - begin
            client.sendall(b"shutdown\r\n")
        return "", seconds, 0


@dataclass
class Nginx(Server):
    """Serves files of 1 KiB, and of 64 KiB that it compresses, over connections that are used again."""
    scratch: Path = None
    requests: int = 0

    def __init__(self, scratch, requests):
        super().__init__("nginx")
        self.folder, self.requests = scratch / "nginx", requests
        self.folder.mkdir(exist_ok=True)
        (self.folder / "small.txt").write_text("a line of text\n" * 70)
        (self.folder / "large.txt").write_text("".join(f"line {i} of a file\n" for i in range(3_000)))

    def start(self, launcher, library):
        self.port = free_port()
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error;
            events {{ worker_connections 64; }}
            http {{ access_log off; gzip on; gzip_types text/plain; gzip_min_length 2000; default_type text/plain;
                    keepalive_requests 100000; client_body_temp_path {self.folder}; proxy_temp_path {self.folder};
                    fastcgi_temp_path {self.folder}; uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
                    server {{ listen 127.0.0.1:{self.port}; root {self.folder}; }} }}""")
        return launcher.start(library, ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"])

    def drive(self, launcher):
        begin = time.monotonic()
        for number in range(self.requests // 100):
            with connect(self.port, timeout=10) as client:
                for path in ["small.txt"] * 9 + ["large.txt"]:
                    client.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode() * 10)
                client.sendall(b"GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while client.recv(1 << 20):
                    pass
        seconds = time.monotonic() - begin
        os.kill(int((self.folder / "pid").read_text()), 15)
        return "", seconds, 0


@dataclass
class Postgres(Server):
    """pgbench over a Unix socket, in a database made anew for each run."""
    scratch: Path = None
    transactions: int = 0

    def __init__(self, scratch, binaries, transactions):
        super().__init__("postgres")
        self.folder, self.binaries, self.transactions = scratch / "postgres", binaries, transactions

    def start(self, launcher, library):
        shutil.rmtree(self.folder, ignore_errors=True)
        subprocess.run([self.binaries / "initdb", "-D", self.folder, "--no-sync", "-A", "trust"], check=True,
                       capture_output=True)
        return launcher.start(library, [self.binaries / "postgres", "-D", self.folder, "-k", self.folder, "-h", "",
                                        "-c", "fsync=off"])

    def drive(self, launcher):
        deadline = time.monotonic() + 20
        connection = ["-h", self.folder]
        while subprocess.run([self.binaries / "pg_isready", *connection], capture_output=True).returncode:
            if time.monotonic() > deadline:
                return "the server does not answer", 0.0, 0
            time.sleep(0.1)
        subprocess.run(["pgbench", *connection, "-i", "-q", "postgres"], check=True, capture_output=True)
        client = launcher.run(GLIBC, ["pgbench", *connection, "-c", "4", "-t", self.transactions, "postgres"])
        subprocess.run([self.binaries / "pg_ctl", "stop", "-m", "fast", "-D", self.folder], capture_output=True)
        return client.failure, client.seconds, 0


def connect(port, timeout):
    deadline = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def receive(client, size):
    while size > 0:
        got = client.recv(1 << 20)
        if not got:
            raise ValueError("the server has closed the connection")
        size -= len(got)


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


def answers(port, timeout):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if "PONG" in redis_cli(port, "ping"):
            return True
        time.sleep(0.05)
    return False
