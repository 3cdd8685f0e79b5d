"""A script of an ordinary kind: counts words, groups records, goes through JSON and regular expressions.

The argument multiplies the work; the output depends on nothing else.
"""

import collections
import json
import re
import sys


def pseudo_random(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def main(amount):
    numbers = pseudo_random(42)
    words = ["".join(chr(97 + next(numbers) % 26) for _ in range(2 + next(numbers) % 9)) for _ in range(5000)]
    text = " ".join(words[next(numbers) % len(words)] for _ in range(100_000 * amount))
    counts = collections.Counter(text.split())
    print(counts.most_common(3))

    records = [{"id": i, "name": words[next(numbers) % len(words)], "score": next(numbers) % 1000 / 10,
                "tags": [words[next(numbers) % 100] for _ in range(5)]} for i in range(10_000 * amount)]
    restored = json.loads(json.dumps(records))
    groups = collections.defaultdict(list)
    for record in restored:
        groups[record["name"][0]].append(record)
    for letter in sorted(groups):
        best = max(groups[letter], key=lambda record: (record["score"], record["id"]))
        print(letter, len(groups[letter]), best["name"], best["score"])

    print(len(re.findall(r"\b[aeiou]\w*[^aeiou\W]\b", text)), len(re.sub(r"(\w)\1", r"<\1>", text)))
    table = {(record["name"], tag): record for record in restored for tag in record["tags"]}
    print(len(table), sorted(table)[len(table) // 2])


main(int(sys.argv[1]))
