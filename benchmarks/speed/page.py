"""The Markdown page of the speed benchmark, from the figures alone."""

from itertools import pairwise

GOAL_TIMES_REFERENCE = 100
GOAL_MEMBERS = 8
GOAL_SECONDS = {285_000: 240}
GOAL_MIB = {2_800_000: 8 * 1024}
NOT_MEASURED = "not measured yet"


def as_markdown(results):
    """Page of results.

    Parameters
    ----------
    results : dict of str to dict
        By part: `measured` (when, with what, on what machine) and `figures`, or `runs` for the
        pipeline. Parts may be missing.

    Returns
    -------
    str
    """
    lines = [
        "# Speed",
        "",
        "Written by `make bench-speed` (`python -m benchmarks.speed [PART...]`); a part that was "
        "not run again keeps its figures and their date. Contenders live in processes of their "
        "own and take turns, round after round, so that other work on the machine hits all of "
        "them; a figure is the median over the rounds, with the lowest and the highest in "
        "brackets.",
    ]
    for name, (title, write) in _SECTIONS.items():
        lines += ["", f"## {title}", ""]
        lines += write(results[name]) if name in results else [f"{NOT_MEASURED}."]
    return "\n".join(lines) + "\n"


def _training(part):
    figures = part["figures"]
    reference = _median(figures, name="reference loop (Keras)")
    lines = [
        *_provenance(part["measured"]),
        "The reference networks (noise 10, generator 16-32-29, discriminator 31-16, 64 labelled "
        "rows and 64 fakes a step; ours, JAX and PyTorch also judge 64 unlabelled real rows) "
        "and, in the last rows, the networks of `params.yaml`. With `sgan.jit_compile` XLA "
        "compiles the step, as it does JAX's. A member step is a step of one member: steps times "
        "members.",
        "",
        "| what | members | steps a second | member steps a second | times the reference loop |",
        "|---|---|---|---|---|",
    ]
    for row in figures:
        if "missing" in row:
            lines.append(f"| {row['name']} | {row['members']} | {row['missing']} | | |")
            continue
        per_member = row["median"] * row["members"]
        cells = [_rate(row), _number(per_member), _times(per_member, reference)]
        lines.append(f"| {row['name']} | {row['members']} | " + " | ".join(cells) + " |")
    return [*lines, *_training_goals(figures, reference)]


def _training_goals(figures, reference):
    lines = []
    ours, ours_by_xla, jax = (
        {
            row["members"]: row["median"]
            for row in figures
            if row["name"] == name and "median" in row
        }
        for name in ("ours", "ours, `jit_compile`", "JAX lax.scan")
    )
    if reference and GOAL_MEMBERS in ours_by_xla.keys() & ours.keys():
        reached, without = (
            of[GOAL_MEMBERS] * GOAL_MEMBERS / reference for of in (ours_by_xla, ours)
        )
        lines.append(
            f"- Goal: {GOAL_TIMES_REFERENCE} times the reference loop per member with "
            f"{GOAL_MEMBERS} members: **{reached:,.0f} times** with `jit_compile` "
            f"({without:,.0f} times without), {_verdict(reached >= GOAL_TIMES_REFERENCE)}"
        )
    for members in sorted(jax.keys() & ours_by_xla.keys() & ours.keys()):
        share = ours_by_xla[members] / jax[members]
        lines.append(
            f"- Goal: as fast as JAX, {members} member{'s' * (members != 1)}: **{share:.2f} "
            f"times** its steps with `jit_compile` ({ours[members] / jax[members]:.2f} times "
            f"without), {_verdict(share >= 1)}"
        )
    return ["", *lines] if lines else []


def _encoders(part):
    figures = part["figures"]
    lines = [
        *_provenance(part["measured"]),
        "The networks and batch sizes of `params.yaml` on 50,000 rows; whole epochs, the first "
        "one of each round (it compiles) left out.",
        "",
        "| model | what | rows a second | times `keras.Model.fit` |",
        "|---|---|---|---|",
    ]
    for row in figures:
        plain = _median(figures, name="keras.Model.fit", model=row["model"])
        lines.append(
            f"| {row['model']} | {row['name']} | {_rate(row)} | {_times(row['median'], plain)} |"
        )
    return lines


def _scoring(part):
    figures = part["figures"]
    lines = [
        *_provenance(part["measured"]),
        "From a raw pandas table to probabilities: the packaged model of a run (checks, scaling, "
        "encoders, all members, calibration) and XGBoost with 400 trees of depth 5.",
        "",
        "| rows in a call | what | rows a second | time of a call | times XGBoost |",
        "|---|---|---|---|---|",
    ]
    for row in figures:
        if "missing" in row:
            lines.append(f"| {row['rows']:,} | {row['name']} | {row['missing']} | | |")
            continue
        other = _median(figures, name="XGBoost", rows=row["rows"])
        call = _seconds(row["rows"] / row["median"])
        cells = [_rate(row), call, _times(row["median"], other)]
        lines.append(f"| {row['rows']:,} | {row['name']} | " + " | ".join(cells) + " |")
    return lines


def _pipeline(part):
    runs = {int(size): run for size, run in sorted(part["runs"].items(), key=lambda r: int(r[0]))}
    lines = [
        "`counterfoil run --no-cache --workdir DIR` with the default parameters on simulated "
        "rows, tracking included: one run a size. The peak of a stage is that of the whole "
        "process while the stage ran. Growth: how many times the figure grew from the size "
        "before, divided by how many times the rows did; at most 1.00 is no faster than "
        "linear.",
        "",
    ]
    for n_rows, run in runs.items():
        lines += [f"{n_rows:,} rows:", "", *_provenance(run["measured"])]
    lines += ["Wall time, with the share of each stage:", "", *_table(runs, "seconds")]
    lines += [
        "",
        "CPU time of all threads, which other work on the machine hardly changes:",
        "",
        *_table(runs, "cpu_seconds"),
    ]
    lines += ["", "Peak memory:", "", *_table(runs, "peak_mib")]
    return [*lines, *_pipeline_goals(runs)]


def _table(runs, figure):
    sizes = list(runs)
    names = list(dict.fromkeys(stage for run in runs.values() for stage in run["stages"]))
    head = [f"{size:,} rows" for size in sizes] + [f"growth to {size:,}" for size in sizes[1:]]
    lines = ["| stage | " + " | ".join(head) + " |", "|---|" + "---|" * len(head)]
    for name in names:
        values = [run["stages"].get(name, {}).get(figure) for run in runs.values()]
        lines.append(_line(name, values, runs, figure, share=figure != "peak_mib"))
    if figure == "seconds":
        outside = [run["start_and_end_seconds"] for run in runs.values()]
        lines.append(_line("start and end", outside, runs, figure, share=True))
    whole = [run[figure] for run in runs.values()]
    lines.append(_line("**whole**", whole, runs, figure, share=False))
    return lines


def _line(name, values, runs, figure, *, share):
    sizes = list(runs)
    write = (lambda mib: f"{mib:,.0f} MiB") if figure == "peak_mib" else _seconds
    cells = []
    for value, run in zip(values, runs.values(), strict=True):
        cell = "" if value is None else write(value)
        cells.append(cell + (f" ({value / run[figure]:.0%})" if share and value else ""))
    for i in range(1, len(sizes)):
        grown = growth(values[i - 1], values[i], sizes[i - 1], sizes[i])
        cells.append("" if grown is None else f"{grown:.2f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def growth(before, after, n_before, n_after):
    """How many times a figure grew for each time that the rows did; None if one is missing.

    Examples
    --------
    >>> growth(2.0, 30.0, 100, 1_000)
    1.5
    """
    if not before or after is None:
        return None
    return (after / before) / (n_after / n_before)


def _pipeline_goals(runs):
    lines = []
    for size, limit in GOAL_SECONDS.items():
        if size in runs:
            spent = runs[size]["seconds"]
            lines.append(
                f"- Goal: {size:,} rows in at most {limit} s: **{spent:.0f} s**, "
                + _verdict(spent <= limit)
            )
    for size, limit in GOAL_MIB.items():
        if size in runs:
            peak = runs[size]["peak_mib"]
            lines.append(
                f"- Goal: {size:,} rows within {limit:,} MiB: **{peak:,.0f} MiB**, "
                + _verdict(peak <= limit)
            )
    for before, after in pairwise(runs):
        for figure, what in (("cpu_seconds", "CPU time"), ("peak_mib", "memory")):
            grown = growth(runs[before][figure], runs[after][figure], before, after)
            lines.append(
                f"- Goal: {what} from {before:,} to {after:,} rows grows no faster than the "
                f"rows: **{grown:.2f}** of linear, {_verdict(grown <= 1)}"
            )
    return ["", *lines] if lines else []


_SECTIONS = {
    "training": ("Training the SGAN", _training),
    "encoders": ("Training the encoders", _encoders),
    "scoring": ("Scoring", _scoring),
    "pipeline": ("The whole pipeline", _pipeline),
}


def _provenance(measured):
    """Say when, how, with what and on what the figures were made."""
    versions = ", ".join(f"{name} {number}" for name, number in measured["versions"].items())
    load = ", ".join(f"{value:.1f}" for value in measured["load"])
    return [
        f"`{measured['command']}`, {measured['date']}, code {measured['commit']}; "
        f"{measured['machine']}, load average {load} at the start; {versions}.",
        "",
    ]


def _median(figures, **wanted):
    for row in figures:
        if all(row.get(key) == value for key, value in wanted.items()):
            return row.get("median")
    return None


def _rate(row):
    if "missing" in row:
        return row["missing"]
    return f"**{_number(row['median'])}** ({_number(row['low'])} to {_number(row['high'])})"


def _number(value):
    """Write a number with three digits that count.

    Examples
    --------
    >>> _number(1234.5), _number(12.345), _number(0.012345)
    ('1,230', '12.3', '0.0123')
    """
    if value >= 100:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def _seconds(value):
    if value >= 1:
        return f"{value:.1f} s"
    return f"{1e3 * value:.3g} ms"


def _times(value, yardstick):
    return "" if not yardstick or value is None else f"{_number(value / yardstick)}"


def _verdict(reached):
    return "reached." if reached else "**not reached**."
