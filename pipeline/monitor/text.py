"""A monitoring report as text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.monitor.limits import NOT_MEASURED
from pipeline.pages.terminal_text import WIDTH, shortened, wrapped

ABSENT = "-"
SHOWN_INPUTS = 10
SHORT = {
    "psi": "PSI of",
    "classifier_auc": "classifier AUC",
    "alert_share_ratio": "alerts / expected",
    "f1_decay": "loss of F1",
}
FIGURES = {
    "f1": "F1",
    "recall": "recall",
    "precision": "precision",
    "average_precision": "average precision",
}


def as_text(content: Mapping[str, Any]) -> str:
    """Return the readable form of what `content.compute` gives."""
    return "\n".join(line.rstrip() for line in _lines(content))


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    yield from wrapped(content["answer"])
    yield ""
    yield from _who(content)
    yield ""
    yield f"{'limits':28}{'value':>8}  {'95 % interval':20}{'limit':>8}"
    for one in content["limits"]:
        yield _limit(one)
    for one in content["limits"]:
        if one["state"] == NOT_MEASURED:
            yield from wrapped(f"{SHORT[one['key']]}: {one['missing']}", "  ")
    yield ""
    yield from _inputs(content)
    yield ""
    yield from _scores_and_alerts(content)
    yield ""
    yield from label_lines(content["labels"])


def _who(content: Mapping[str, Any]) -> Iterator[str]:
    model, data, reference = (content[key] for key in ("model", "data", "reference"))
    yield shortened(f"model      {model['name']}", WIDTH)
    yield (
        f"           threshold {model['threshold']:.4g} ({model['rule']}), tested on "
        f"{model['n_test_rows']:,} rows, {model['n_test_frauds']:,} frauds"
    )
    yield shortened(f"data       {data['name']}, {data['n_rows']:,} rows", WIDTH)
    yield shortened(f"beside     {reference_in_words(content)}", WIDTH)
    if reference is not None and not reference["is_own"]:
        yield "           which is not the data that the model was made from"


def reference_in_words(content: Mapping[str, Any]) -> str:
    """Return which old rows the inputs are compared with."""
    reference = content["reference"]
    if reference is None:
        return f"quantiles of {content['model']['n_training_rows']:,} training rows"
    return f"{reference['name']}, {reference['n_rows']:,} rows"


def limit_name(one: Mapping[str, Any]) -> str:
    """Return the short name of an entry of the limits."""
    return f"{SHORT[one['key']]} {one['of']}".strip()


def interval(low: float | None, high: float | None) -> str:
    """Return both ends, the upper one of which may be unknown."""
    if low is None:
        return ABSENT
    return f"{low:.3f} and more" if high is None else f"{low:.3f} to {high:.3f}"


def bound_in_words(one: Mapping[str, Any]) -> str:
    """Return a limit."""
    return ABSENT if one["bound"] is None else f"{one['bound']:.3g}"


def p_value(value: float) -> str:
    """Return a probability, the smallest ones by their bound."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _limit(one: Mapping[str, Any]) -> str:
    value = ABSENT if one["value"] is None else f"{one['value']:.3f}"
    return (
        f"  {shortened(limit_name(one), 26):26}{value:>8}  "
        f"{interval(one['low'], one['high']):20}{bound_in_words(one):>8}  {one['state']}"
    )


def _inputs(content: Mapping[str, Any]) -> Iterator[str]:
    inputs = content["inputs"]
    head = "inputs that moved most" if len(inputs) > SHOWN_INPUTS else "inputs"
    yield f"{head:28}{'PSI':>8}  {'95 % interval':20}{'KS':>8}{'P':>8}"
    for one in inputs[:SHOWN_INPUTS]:
        yield (
            f"  {shortened(one['name'], 26):26}{one['psi']:>8.3f}  "
            f"{interval(one['psi_low'], one['psi_high']):20}{statistic(one):>8}"
            f"{p_value(one['p_corrected']):>8}"
        )
    yield from wrapped(notes(content), "  ")


def statistic(one: Mapping[str, Any]) -> str:
    """Return the statistic of an input, marked where it is a lower bound."""
    return f"{'>=' if one['is_lower_bound'] else ''}{one['statistic']:.3f}"


def notes(content: Mapping[str, Any]) -> str:
    """Return what the table of the inputs means."""
    text = (
        f"P: of the Kolmogorov-Smirnov test (categories: chi-squared, Cramer's V), corrected for "
        f"{len(content['inputs'])} columns (Holm); the intervals hold together."
    )
    if content["reference"] is None:
        text += " From quantiles alone KS is a lower bound and P at most too large."
    return text


def _scores_and_alerts(content: Mapping[str, Any]) -> Iterator[str]:
    scores, alerts = content["scores"], content["alerts"]
    yield (
        f"scores     PSI {scores['psi']:.3f} ({interval(scores['psi_low'], scores['psi_high'])}), "
        f"KS {scores['statistic']:.3f}, P {p_value(scores['p_value'])}"
    )
    yield (
        f"alerts     {alerts['n_alerts']:,} of {content['data']['n_rows']:,} "
        f"({alerts['share']:.3%}); expected {alerts['expected_alerts']:,.1f} "
        f"({alerts['expected_share']:.3%})"
    )


def label_lines(labels: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of the labels, and the figures that they allow."""
    yield from wrapped(f"labels     {labels_in_words(labels)}", hanging=" " * len("labels     "))
    if "missing" in labels:
        return
    yield f"{'figure at the threshold':28}{'test':>8}{'new':>8}{'loss':>8}  95 % interval"
    for name, title in FIGURES.items():
        one = labels["decay"][name]
        yield (
            f"  {title:26}{one['test']:>8.3f}{one['new']:>8.3f}{one['loss']:>+8.3f}  "
            f"{one['low']:+.3f} to {one['high']:+.3f}"
        )
    yield f"  test: {labels['counts']['test']}"
    yield f"  new:  {labels['counts']['new']}"
    yield f"  both weighted to {labels['fraud_rate']:.3%} frauds; bootstrap of independent samples"


def labels_in_words(labels: Mapping[str, Any]) -> str:
    """Return which rows have labels, and what to mind."""
    if not labels.get("n_labelled"):
        return str(labels["missing"])
    text = f"{labels['state']}: {labels['n_labelled']:,} rows, {labels['n_frauds']:,} frauds"
    if labels["is_selective"]:
        text += (
            f"; {labels['labelled_share_of_alerts']:.1%} of the alerts have one, "
            f"{labels['labelled_share_of_others']:.1%} of the other rows: figures of such rows "
            "are not those of all rows"
        )
    if "missing" in labels:
        text += f"; {labels['missing']}"
    return text
