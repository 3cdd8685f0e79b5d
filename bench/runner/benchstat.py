"""What `weir benchstat` says of several files, as rows; and these rows as a table and as a picture."""

import csv
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNIT = "sec/op"
SAME = "~"  # what benchstat says of a difference that may be noise
IGNORED = "pkg,goos,goarch,cpu"  # configuration that programs of one family may differ in


@dataclass(frozen=True)
class Entry:
    """One benchmark of one candidate."""
    center: float  # seconds per operation
    reach: str     # of its confidence interval, in percent
    same: bool     # no difference to the first candidate was found


@dataclass
class Summary:
    labels: list
    benchmarks: dict  # name → {label: Entry}
    means: dict       # label → geometric mean of the ratios to the first, None if there is none

    def ratio(self, benchmark, label):
        own, base = (self.benchmarks[benchmark].get(name) for name in (label, self.labels[0]))
        return own.center / base.center if own and base and base.center else None


def summarize(weir, files):
    """`files` is label → path; ValueError if there is nothing to summarise."""
    inputs = [f"{label}={path}" for label, path in files.items()]
    command = [weir, "benchstat", "-format", "csv", "-ignore", IGNORED, *inputs]
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    rows = list(csv.reader(result.stdout.splitlines()))
    heads = [place for place, row in enumerate(rows) if UNIT in row and "CI" in row]
    if not heads:
        raise ValueError("no results to summarise")
    labels = [label for label in rows[heads[0] - 1] if label]
    summary = Summary(labels, {}, {})
    for row in rows[heads[0] + 1:]:
        if not row:
            break
        if row[0] == "geomean":
            summary.means = means_of(row, labels)
        else:
            summary.benchmarks[row[0]] = entries_of(row, labels)
    return summary


def place_of(column):
    """Where a file's columns begin: the first has two, the others have a difference and a test too."""
    return 1 if column == 0 else 3 + (column - 1) * 4


def entries_of(row, labels):
    row = row + [""] * (place_of(len(labels)) - len(row))
    return {label: Entry(float(row[place]), row[place + 1], column > 0 and row[place + 2] == SAME)
            for column, label in enumerate(labels) if row[place := place_of(column)]}


def means_of(row, labels):
    texts = {label: row[place_of(column) + 2] for column, label in enumerate(labels) if column > 0}
    return {label: 1 + float(text.rstrip("%")) / 100 if text.endswith("%") else None for label, text in texts.items()}


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio_rows(summary):
    """The first candidate's time, and the others' ratio to it; ~ behind those that may be noise."""
    base, *others = summary.labels
    rows = [["", base, *others]]
    for name, entries in summary.benchmarks.items():
        own = entries.get(base)
        first = f"{duration(own.center)} ±{own.reach}" if own else "–"
        rows.append([name, first, *(ratio_text(summary, name, label) for label in others)])
    means = (summary.means.get(label) for label in others)
    return [*rows, ["geometric mean", "1.00", *("–" if mean is None else f"{mean:.2f}" for mean in means)]]


def ratio_text(summary, benchmark, label):
    ratio = summary.ratio(benchmark, label)
    if ratio is None:
        return "–"
    return f"{ratio:.2f}" + (SAME if summary.benchmarks[benchmark][label].same else "")


def scale(summary, others):
    """gnuplot's words for the axis of ratios: logarithmic where some are far apart."""
    ratios = [ratio for name in summary.benchmarks for label in others if (ratio := summary.ratio(name, label))]
    if not ratios or max(ratios) <= 8:
        return ["set yrange [0:*]"]
    return ["set logscale y 2", f"set yrange [{2.0 ** math.floor(math.log2(min([*ratios, 1])) - 0.01)}:*]"]


def draw(summary, title, path):
    """A bar a candidate and benchmark: its ratio to the first, by gnuplot. ValueError says what went wrong."""
    others = summary.labels[1:]
    lines = ["$data << END", " ".join(["benchmark", *others])]
    for name in summary.benchmarks:
        ratios = (summary.ratio(name, label) for label in others)
        lines.append(" ".join([name, *("NaN" if ratio is None else f"{ratio:.4f}" for ratio in ratios)]))
    width = 320 + 16 * len(summary.benchmarks) * (len(others) + 1)
    lines += ["END",
              f'set terminal svg size {width},480 font "sans-serif,12" background "white"',
              f'set output "{path}"',
              f'set title "{title}: time, ratio to {summary.labels[0]}; less is better" noenhanced',
              "set style data histograms", "set style histogram clustered gap 1", "set style fill solid 0.85",
              "set key outside right top noenhanced", "set grid ytics", *scale(summary, others),
              "set xtics rotate by -35 noenhanced", "set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2"]
    plots = [f'$data using {column + 2}:xtic(1) title "{label}"' for column, label in enumerate(others)]
    lines.append("plot " + ", ".join(plots))
    try:
        subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", text=True, check=True, capture_output=True)
    except FileNotFoundError:
        raise ValueError("gnuplot is not installed (apt-get install gnuplot-nox): no picture") from None
    except subprocess.CalledProcessError as error:
        raise ValueError(f"gnuplot: {error.stderr.strip()}") from None
    if not Path(path).stat().st_size:
        raise ValueError("gnuplot: drew nothing")
