"""Results as text: aligned for a terminal, or as Markdown."""

from .results import MEASURES, failure, spread

UNITS = {"seconds": ("s", 1, 3), "cpu_seconds": ("s", 1, 3), "rss_kib": ("MiB", 1024, 1),
         "average_rss_kib": ("MiB", 1024, 1)}  # name, divisor, decimals


def aligned(rows):
    """Rows of cells → lines with the first column left-aligned and the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    def line(first, *others):
        return "  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])])
    return [line(*row).rstrip() for row in rows]


def markdown(rows):
    head, *body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [head, "|---|" + "---:|" * (len(rows[0]) - 1), *body]


def value_text(value, measure):
    _, divisor, decimals = UNITS[measure]
    return f"{value / divisor:.{decimals}f}"


def ratio_rows(results, group, measure):
    """One row per program, one column per library: the ratio to the first, whose own column has the value."""
    base, *others = results.libraries
    unit = UNITS[measure][0]
    rows = [[MEASURES[measure], f"{base}, {unit}", *others]]
    for program in results.of_group(group):
        own = spread(program, base, measure)
        rows.append([program["name"], value_text(own.median, measure) if own else "FAILED",
                     *(ratio_text(results, program, library, measure) for library in others)])
    means = (geomean_text(results, group, library, measure) for library in others)
    return [*rows, ["geometric mean", "1.00", *means]]


def slower_lines(found, library):
    return [f"SLOWER: {name} under {library}: {now:.2f} of the first library's time, at most {then:.2f} in the baseline"
            for name, now, then in found] or [f"no program is slower under {library} than in the baseline"]


def ratio_text(results, program, library, measure):
    if failure(program, library):
        return "FAILED"
    ratio = results.ratio(program, library, measure)
    return f"{ratio:.2f}" if ratio is not None else "–"


def geomean_text(results, group, library, measure):
    """With a mark when programs are missing from it."""
    geomean = results.geomean(group, library, measure)
    if geomean is None:
        return "–"
    failed = sum(bool(failure(program, library)) for program in results.of_group(group))
    return f"{geomean:.3f}" + (f" ({failed} FAILED)" if failed else "")


def overview_rows(results):
    """The geometric means: one row per group and measure."""
    base, *others = results.libraries
    rows = [["geometric mean", base, *others]]
    groups = results.groups()
    for measure, title in MEASURES.items():
        for group in groups + ([None] if len(groups) > 1 else []):
            rows.append([f"{title}, {group or 'all'}", "1.00",
                         *(geomean_text(results, group, library, measure) for library in others)])
    return rows


def detail_rows(results, group):
    """One row per program and library: medians with their spread, and the ratios to the first library."""
    heads = [cell for measure, title in MEASURES.items()
             for cell in (f"{title} {UNITS[measure][0]}", "(min–max)", "ratio")]
    rows = [["program", "library", *heads]]
    for program in results.of_group(group):
        for library in results.libraries:
            cells = []
            for measure in MEASURES:
                own = spread(program, library, measure)
                cells += [value_text(own.median, measure),
                          f"({value_text(own.low, measure)}–{value_text(own.high, measure)})",
                          ratio_text(results, program, library, measure)] if own else ["FAILED", "", ""]
            rows.append([program["name"], library, *cells])
    return rows


def failure_lines(results):
    return [f"FAILED: {program['name']} under {library}: {failure(program, library)}"
            for program in results.programs for library in results.libraries if failure(program, library)]


def machine_line(results):
    machine = results.machine
    return (f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['libc']}, "
            f"{machine['date']}; medians of {results.rounds} rounds, libraries interleaved")


def terminal_report(results):
    lines = [machine_line(results)]
    for group in results.groups():
        lines += ["", f"== {group}", *aligned(detail_rows(results, group))]
    for group in results.groups():
        for measure in MEASURES:
            lines += ["", f"== {group}: ratio to {results.libraries[0]}"]
            lines += aligned(ratio_rows(results, group, measure))
    lines += ["", *aligned(overview_rows(results))]
    lines += ["", *failure_lines(results)] if failure_lines(results) else []
    return "\n".join(lines) + "\n"


def markdown_report(results):
    lines = [f"`{results.command}`", "", machine_line(results) + ".", "", *markdown(overview_rows(results))]
    for group in results.groups():
        for measure in MEASURES:
            lines += ["", f"### {group}, {MEASURES[measure]}", ""]
            lines += markdown(ratio_rows(results, group, measure))
    for group in results.groups():
        lines += ["", f"### {group}, medians and spread", "", *markdown(detail_rows(results, group))]
    failures = [f"- {line}" for line in failure_lines(results)]
    lines += ["", *failures] if failures else []
    return "\n".join(lines) + "\n"
