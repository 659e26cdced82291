"""A comparison as text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.pages.terminal_text import WIDTH, shortened, wrapped

ABSENT = "-"
FIGURES = {
    "average_precision": "average precision",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "recall_at_fpr": "recall at 0.1 % false positives",
    "caught_at_budget": "frauds caught within the budget",
    "false_alarms": "false alarms",
    "amount_caught": "money in caught frauds",
}
COUNTS = {"caught_at_budget", "false_alarms", "amount_caught", "alerts"}
LESS_IS_BETTER = {"false_alarms"}


def as_text(content: Mapping[str, Any]) -> str:
    """Return the readable form of what `content.compute` gives."""
    return "\n".join(_lines(content))


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    yield from wrapped(content["answer"])
    yield ""
    yield from _models(content)
    yield ""
    yield from _rows(content)
    for name, title in FIGURES.items():
        if name in content["figures"]:
            yield ""
            yield from _figure(title, content["figures"][name], name, content["runs"])
    yield ""
    yield from _calibration(content)
    yield ""
    yield from _operating_points(content)
    yield ""
    for part in content["slices"]:
        if part["is_asked_for"]:
            yield from _groups(part)
            yield ""
    if content["reasons"] is not None:
        yield from _reasons(content["reasons"])
        yield ""
    yield from _what_differs(content)


def _models(content: Mapping[str, Any]) -> Iterator[str]:
    for run in content["runs"]:
        yield f"{run['label']}  {shortened(run['name'], WIDTH - 3)}"
        facts = [f"threshold {run['threshold']:.4g} ({run['rule']})"]
        if run["n_members"]:
            facts.append(f"{run['n_members']} members, epoch {run['chosen_epoch']}")
        if run["augmentation"]:
            facts.append(f"augmentation {run['augmentation']['method']}")
        yield "   " + shortened("; ".join(facts), WIDTH - 3)


def _rows(content: Mapping[str, Any]) -> Iterator[str]:
    rows = content["rows"]
    where = "test rows" if rows["rescored"] is None else f"rows of {rows['rescored']}, scored anew"
    weighted = f", weighted to {rows['prevalence']:.3%} frauds" if rows["is_weighted"] else ""
    line = f"On the same {rows['n_rows']:,} {where}, {rows['n_frauds']:,} frauds{weighted}."
    yield from wrapped(
        f"{line} Intervals: 95 %, paired bootstrap. P: probability of being better than "
        f"{content['runs'][0]['label']}."
    )


def _figure(title: str, figure: Mapping[str, Any], name: str, runs: Any) -> Iterator[str]:
    first = runs[0]["label"]
    yield f"{title:34}{'':20}{'minus ' + first:22}P"
    for run in runs:
        one = figure[run["label"]]
        value = f"{number(one['value'], name)} ({number(one['low'], name)} to " \
                f"{number(one['high'], name)})"  # fmt: skip
        line = f"  {run['label']}  {value:32}"
        if "difference" in one:
            difference = (
                f"{signed(one['difference'], name)} ({signed(one['difference_low'], name)} to "
                f"{signed(one['difference_high'], name)})"
            )
            better = probability(one, name)
            whole = f"{line}  {difference:32}{better:>6}"
            if len(whole) > WIDTH:  # much money
                yield line.rstrip()
                whole = f"{difference:>{WIDTH - 6}}{better:>6}"
            line = whole
        yield line.rstrip()


def _calibration(content: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'calibration':20}{'slope':8}{'frauds predicted':28}came"
    for label, one in content["calibration"].items():
        expected = one["expected_frauds"]
        predicted = f"{expected['expected']:,.0f} ({expected['low']:,} to {expected['high']:,})"
        yield f"  {label:18}{one['slope']:<8.2f}{predicted:28}{expected['observed']:,}"


def _operating_points(content: Mapping[str, Any]) -> Iterator[str]:
    yield setting_in_words(content["setting"])
    yield f"  {'threshold':>14}{'alerts a day':>14}{'caught':>16}{'false alarms':>14}{'money':>16}"
    for label, point in content["operating_points"].items():
        if point is None:
            yield f"{label} {'no validation rows to choose a threshold on':>40}"
            continue
        threshold = ABSENT if point["threshold"] is None else f"{point['threshold']:.6g}"
        day = ABSENT if point["alerts_per_day"] is None else f"{point['alerts_per_day']:,.1f}"
        caught = f"{point['n_caught']:,} of {point['n_frauds']:,}"
        money = ABSENT if point["amount_at_risk"] is None else f"{point['amount_caught']:,.2f}"
        yield (
            f"{label} {threshold:>14}{day:>14}{caught:>16}{point['n_false_alarms']:>14,}{money:>16}"
        )


def setting_in_words(setting: Mapping[str, Any]) -> str:
    """Return the heading of the operating points."""
    if setting["cost_per_false_alarm"] is not None:
        return (
            f"At the lowest cost: {setting['cost_per_false_alarm']:g} for a false alarm, "
            f"{setting['cost_per_missed_unit']:g} for each unit missed"
        )
    if setting["alerts_per_day"] is not None:
        return f"At {setting['alerts_per_day']:,.10g} alerts a day"
    if setting["alerts_per_thousand"] is not None:
        return f"At {setting['alerts_per_thousand']:g} alerts in 1,000 transactions"
    return "At the stored thresholds"


def _groups(part: Mapping[str, Any]) -> Iterator[str]:
    yield f"by {shortened(part['by'], WIDTH - 3)}"
    figures = part["figures"]
    for position, name in enumerate(part["groups"]):
        of = {label: groups[position] for label, groups in figures.items()}
        one = next(iter(of.values()))
        n_rows, n_frauds = _count(one["n_rows"], "row"), _count(one["n_frauds"], "fraud")
        yield f"  {shortened(name, 40)}: {n_rows}, {n_frauds}"
        caught = ", ".join(f"{label} {group['n_caught']:,}" for label, group in of.items())
        false = ", ".join(f"{label} {group['n_false_alarms']:,}" for label, group in of.items())
        yield from wrapped(f"caught {caught}; false alarms {false}", "    ")


def _reasons(found: Mapping[str, Any]) -> Iterator[str]:
    yield "inputs that the reasons of alerts name most, with the share of those alerts"
    for label, of in found["by_model"].items():
        named = ", ".join(
            f"{shortened(one['name'], 40)} {one['n_alerts'] / of['n_alerts']:.0%}"
            for one in of["inputs"]
        )
        yield from wrapped(f"{label}  {_count(of['n_alerts'], 'alert')}: {named or 'none'}", "  ")
    differ = found["disagreements"]
    yield from wrapped(
        f"alerted by some models only: {_count(differ['n_rows'], 'row')}, of them "
        f"{_count(differ['n_frauds'], 'fraud')}; --html and --json list them",
        "  ",
    )


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _what_differs(content: Mapping[str, Any]) -> Iterator[str]:
    params = content["params"]
    yield "parameters that differ" if params else "all known parameters are equal"
    for one in params:
        values = ", ".join(f"{label}: {value}" for label, value in one["values"].items())
        yield "  " + shortened(f"{one['key']}  {values}", WIDTH - 2)


def number(value: float, name: str) -> str:
    """Return a figure as its kind is written: counts whole, money and rates with digits."""
    if name in COUNTS:
        return f"{value:,.0f}"
    return f"{value:.3f}"


def signed(value: float, name: str) -> str:
    """Return a difference with its sign; what rounds to nothing has none."""
    text = f"{value:+,.0f}" if name in COUNTS else f"{value:+.3f}"
    return text[1:] if float(text.replace(",", "")) == 0 else text


def probability(one: Mapping[str, Any], name: str) -> str:
    """Return the probability of being better, which may be that of having less."""
    better = one["probability_better"]
    better = 1 - better if name in LESS_IS_BETTER else better
    return f"{better:.0%}"
