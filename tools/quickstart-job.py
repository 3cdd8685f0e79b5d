"""A program with a burst: reads event logs, reports on them, and goes on serving from the small report.

Knows nothing of weir. Prints a checksum of its answers, and writes its resident size at the end to the file
named by the first argument.
"""
import collections
import json
import random
import re
import sys

DAYS = 3
EVENTS_A_DAY = 40_000
QUERIES = 300_000
WORDS = "weir pool level gate water stone bank mill wheel river lake rain flood reed heron trout".split()


def write_log(day):
    """One day's log as text, one JSON object a line."""
    draw = random.Random(day)
    return "\n".join(
        json.dumps({
            "user": f"user-{draw.randrange(4000)}",
            "path": f"/{draw.choice(WORDS)}/{draw.choice(WORDS)}/{draw.randrange(300)}",
            "milliseconds": draw.expovariate(1 / 40),
            "text": " ".join(draw.choices(WORDS, k=draw.randrange(4, 40))),
        })
        for _ in range(EVENTS_A_DAY))


def report(log):
    """Reads the whole log into memory at once, as such programs do; returns what is worth keeping."""
    events = [json.loads(line) for line in log.splitlines()]
    by_path = collections.defaultdict(list)
    index = collections.defaultdict(set)
    for number, event in enumerate(events):
        by_path[event["path"]].append(event["milliseconds"])
        for word in re.findall(r"\w+", event["text"]):
            index[word, event["user"]].add(number)
    slowest = {path: sorted(times)[-3:] for path, times in by_path.items() if max(times) > 300}
    busiest = collections.Counter({key: len(numbers) for key, numbers in index.items()}).most_common(2000)
    return slowest, dict(busiest)


def serve(reports):
    draw = random.Random(0)
    found = 0
    for _ in range(QUERIES):
        slowest, busiest = draw.choice(reports)
        found += busiest.get((draw.choice(WORDS), f"user-{draw.randrange(4000)}"), 0)
        found += len(slowest)
    return found


def resident_kib():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def main():
    reports = [report(write_log(day)) for day in range(DAYS)]
    print(serve(reports))
    with open(sys.argv[1], "w") as result:
        result.write(str(resident_kib()))


main()
