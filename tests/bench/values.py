#!/usr/bin/env python3
"""What weir benchstat computes, against values worked out here from the definitions and by nothing it uses.

Samples are random, with and without ties. The p of the U test is that of an enumeration of every way to divide the
values between two samples (small ones), or of the normal approximation by statistics.NormalDist (large ones); the
interval of the median is found by trying all pairs of order statistics against the binomial distribution.

    WEIR=… values.py [SEED]
"""

import csv
import itertools
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

ROUNDS = 60


def u_statistic(left, right):
    """How many pairs have the left value above the right one; ties count half. Doubled."""
    return sum(2 * (l > r) + (l == r) for l in left for r in right)


def enumerated_p(left, right):
    """The share of all divisions whose U is as far from the middle as the one found, or farther."""
    both, middle = left + right, len(left) * len(right)
    found = abs(u_statistic(left, right) - middle)
    ways = as_extreme = 0
    for chosen in itertools.combinations(range(len(both)), len(left)):
        rest = [both[i] for i in range(len(both)) if i not in chosen]
        ways += 1
        as_extreme += abs(u_statistic([both[i] for i in chosen], rest) - middle) >= found
    return as_extreme / ways


def approximated_p(left, right):
    n1, n2, both = len(left), len(right), left + right
    n = n1 + n2
    ties = sum(count ** 3 - count for count in (both.count(value) for value in set(both)))
    deviation = math.sqrt(n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1))))
    away = max(abs(u_statistic(left, right) / 2 - n1 * n2 / 2) - 0.5, 0)
    return 2 * statistics.NormalDist().cdf(-away / deviation)


def expected_p(left, right):
    both = left + right
    if len(set(both)) == 1:
        return 1
    return enumerated_p(left, right) if len(both) <= 13 else approximated_p(left, right)


def shortest_interval(count, confidence=Fraction(95, 100)):
    """(low, high): the order statistics with the fewest gaps between them that cover enough; of equally few the most
    covering, then the leftmost."""
    total = 2 ** count
    best = None
    for low in range(count + 1):
        for high in range(low + 1, count + 2):
            covered = sum(math.comb(count, gap) for gap in range(low, high))
            if Fraction(covered, total) >= confidence:
                rank = (high - low, -covered, low)
                best = min(best, (rank, low, high)) if best else (rank, low, high)
                break
    return best[1:]


def expected_range(values):
    low, high = shortest_interval(len(values))
    if low < 1 or high > len(values):
        return "∞"
    ordered, center = sorted(values), statistics.median(values)
    return f"{100 * max(ordered[high - 1] / center - 1, 1 - ordered[low - 1] / center):.0f}%"


def expected_delta(left, right, p):
    old, new = statistics.median(left), statistics.median(right)
    if p > 0.05:
        return "~"
    return "0.00%" if old == new else f"{(new / old - 1) * 100:+.2f}%"


def random_samples():
    """Sizes for the enumeration, or beyond what is computed exactly (26 and more with ties, 51 without)."""
    tied = random.random() < 0.5
    large = random.random() < 0.3
    sizes = [random.randint(51, 60) if large else random.randint(1, 6) for _ in range(2)]
    base, shift = random.uniform(10, 1000), random.choice([1, 1, 1.03, 1.3])
    if tied:
        return [[float(round(base * factor) + random.randint(0, 4)) for _ in range(size)]
                for size, factor in zip(sizes, (1, shift))]
    return [[base * factor * random.uniform(0.95, 1.05) for _ in range(size)] for size, factor in zip(sizes, (1, shift))]


def write(path, samples):
    path.write_text("".join(f"BenchmarkSample{i} 1 {value!r} x\n" for i, sample in enumerate(samples) for value in sample))


def computed(folder, lefts, rights):
    """The rows that weir benchstat prints: medians, ranges, delta, test."""
    write(folder / "old", lefts)
    write(folder / "new", rights)
    result = subprocess.run([os.environ["WEIR"], "benchstat", "-format", "csv", "old", "new"], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return list(csv.reader(result.stdout.splitlines()))[2:]


def wrong_of(row, left, right):
    p = expected_p(left, right)
    sizes = f"n={len(left)}" if len(left) == len(right) else f"n={len(left)}+{len(right)}"
    printed = float(row[6].split()[0].removeprefix("p="))
    checks = {
        "median": math.isclose(float(row[1]), statistics.median(left), rel_tol=1e-12),
        "range": len(left) > 30 or row[2] == expected_range(left),
        "second range": len(right) > 30 or row[4] == expected_range(right),
        "delta": abs(p - 0.05) < 1e-9 or row[5] == expected_delta(left, right, p),
        "p": abs(printed - p) < 0.00051,
        "sizes": row[6].split()[1] == sizes,
    }
    return [f"{name}: {row} for {left} and {right}, p should be {p}" for name, good in checks.items() if not good]


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10 ** 6)
    random.seed(seed)
    lefts, rights = zip(*(random_samples() for _ in range(ROUNDS)))
    with tempfile.TemporaryDirectory(prefix="weir-benchstat.") as folder:
        *rows, last = computed(Path(folder), lefts, rights)
    wrong = [line for row, left, right in zip(rows, lefts, rights, strict=True) for line in wrong_of(row, left, right)]
    means = [statistics.geometric_mean(map(statistics.median, samples)) for samples in (lefts, rights)]
    if not all(math.isclose(float(last[place]), mean, rel_tol=1e-12) for place, mean in zip((1, 3), means)):
        wrong.append(f"geometric means: {last}, not {means}")
    if last[5] != f"{(means[1] / means[0] - 1) * 100:+.2f}%":
        wrong.append(f"geometric mean of ratios: {last[5]}")
    print(*wrong, f"seed {seed}: {ROUNDS} comparisons, {len(wrong)} values wrong", sep="\n")
    return 1 if wrong else 0


sys.exit(main())
