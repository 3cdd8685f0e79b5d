"""Runs quickstart-job.py under the system malloc and on weir, and prints what changed: quickstart-compare.py WEIR"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

JOB = pathlib.Path(__file__).with_name("quickstart-job.py")
REPEATS = 3
KNOBS = ["--gogc", "25", "--memlimit", "96MiB"]


def configurations(weir):
    run = [weir, "run", "--stats=json"]
    return {
        "system malloc": [],
        "weir": run + ["--"],
        "weir " + " ".join(KNOBS): run + KNOBS + ["--"],
    }


def run_once(command):
    """One run: what it cost, what it answered, and what weir says of it ({} without weir)."""
    # python3 keeps small objects to itself by default; here everything goes through malloc, on both sides.
    environment = os.environ | {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    with tempfile.NamedTemporaryFile("r") as resident, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(command + ["/usr/bin/python3", str(JOB), resident.name], env=environment,
                                   stdout=subprocess.PIPE, stderr=errors, text=True)
        answer = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()
        if process.returncode != 0:
            sys.exit(f"quickstart: {' '.join(command) or 'the job'} ended with {process.returncode}\n{said}")
        accounts = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return {
            "answer": answer.strip(),
            "seconds": seconds,
            "peak": usage.ru_maxrss / 1024,
            "resident": int(resident.read()) / 1024,
            "account": accounts[-1] if accounts else {},
        }


def measure(commands):
    """Interleaved, so that a busy moment of the machine hits all alike."""
    runs = {name: [] for name in commands}
    total = REPEATS * len(commands)
    for number in range(total):
        name = list(commands)[number % len(commands)]
        if sys.stderr.isatty():
            print(f"\r\033[K[{number + 1}/{total}] {name}", end="", file=sys.stderr, flush=True)
        runs[name].append(run_once(commands[name]))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return runs


def table_rows(runs):
    def row(title, cell):
        return [title] + [cell(results) for results in runs.values()]

    def median(key, unit, digits):
        return lambda results: f"{statistics.median(run[key] for run in results):.{digits}f} {unit}"

    def released(results):
        account = results[-1]["account"]
        return f"{account['os_released_bytes'] / 2**20:.0f} MiB" if account else ""

    return [
        [""] + list(runs),
        row("time", median("seconds", "s", 2)),
        row("peak RSS", median("peak", "MiB", 1)),
        row("RSS after the burst", median("resident", "MiB", 1)),
        row("given back on the way", released),
        row("answer", lambda results: results[0]["answer"]),
    ]


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, row in enumerate(rows):
        print("  " + "  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def main():
    runs = measure(configurations(sys.argv[1]))
    print_table(table_rows(runs))
    if len({run["answer"] for results in runs.values() for run in results}) != 1:
        sys.exit("quickstart: the answers differ")


main()
