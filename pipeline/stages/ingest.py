"""Stage `ingest`: reads the source, checks it, drops duplicates, orders by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from features.row_checks import (
    MISSING,
    UNKNOWN,
    RowProblem,
    check_rows,
    drop_duplicates,
    drop_open_copies,
    order_rows,
    reasons_by_row,
)
from features.schema import SchemaError, TransactionSchema, resolve_schema
from features.table_digest import sha256_of_table
from pipeline.errors import InputError
from pipeline.files.atomic import write_json
from pipeline.files.sources import Source, read_transactions
from pipeline.stages.context import StageContext, StageResult

if TYPE_CHECKING:
    import pandas as pd

_MAX_PLACES = 3


def ingest(context: StageContext) -> StageResult:
    """Write transactions.parquet, data.json and, if rows were set aside, quarantine.parquet."""
    data = context.params.data
    source = read_transactions(data, context.root)
    schema = _resolve(source, context)
    checked, problems = _check_rows(source, schema, context)
    reasons = reasons_by_row(problems)
    if problems and context.params.ingest.on_bad_rows == "error":
        raise InputError(describe_bad_rows(source, problems, len(reasons), schema.label))
    usable = checked.drop(index=list(reasons))
    distinct = drop_duplicates(usable)
    labelled_later = drop_open_copies(distinct, schema)
    table = order_rows(labelled_later, schema)
    _check_classes(table, schema, source, len(reasons))
    dropped = {
        "duplicates": len(usable) - len(distinct),
        "labelled_later": len(distinct) - len(labelled_later),
        "quarantined": len(reasons),
        "quarantined_by_reason": dict(
            Counter(text for reason in reasons.values() for text in reason.split("; "))
        ),
    }
    summary = _summarise(table, schema, source, dropped) | {"source": data.source}
    table.to_parquet(context.output / "transactions.parquet", index=False)
    if reasons:
        rows = _quarantine(source, reasons)
        rows.to_parquet(context.output / "quarantine.parquet", index=False)
    write_json(summary, context.output / "data.json")
    return StageResult(n_rows=summary["n_rows"], n_frauds=summary["n_frauds"])


def _check_rows(
    source: Source, schema: TransactionSchema, context: StageContext
) -> tuple[pd.DataFrame, list[RowProblem]]:
    """Check the rows; one whose label may be missing gets the label -1."""
    if context.params.ingest.on_missing_label == "error":
        return check_rows(source.frame, schema)
    label = source.frame[schema.label]
    is_open = label.isna().to_numpy()
    filled = source.frame.assign(**{schema.label: label.astype(object).where(~is_open, 0)})
    checked, problems = check_rows(filled, schema)
    checked.loc[is_open, schema.label] = UNKNOWN
    return checked, problems


def _resolve(source: Source, context: StageContext) -> TransactionSchema:
    data = context.params.data
    try:
        return resolve_schema(
            source.frame,
            label=data.label,
            time=data.time,
            amount=data.amount,
            features=data.features,
            ignored=data.ignored,
        )
    except SchemaError as error:
        listed = "\n".join(f"- {problem}" for problem in error.problems)
        raise InputError(f"{source.name}: the columns cannot be used:\n{listed}") from error


def describe_bad_rows(
    source: Source, problems: Sequence[RowProblem], n_bad: int, label: str | None = None
) -> str:
    """Return one message about all bad rows: counts, first places, expected, received, cure."""
    lines = [f"{source.name}: {n_bad} of {len(source.frame)} rows cannot be used:"]
    for problem in problems:
        places = [source.locate(int(row)) for row in problem.rows[:_MAX_PLACES]]
        listed = ", ".join(f"row {row} of {name}" for name, row in places)
        more = len(problem.rows) - len(places)
        lines.append(
            f"- column {problem.column}: {problem.reason} in {_count_rows(problem)}: {listed}"
            + (f" and {more} more" if more else "")
            + f"; expected {problem.expected}, got {problem.received}"
        )
    lines.append(
        "correct these rows (numbered from 1 below the header), or set ingest.on_bad_rows: "
        "quarantine in params.yaml to set them aside"
    )
    if any(problem.column == label and problem.reason == MISSING for problem in problems):
        lines.append(
            "if nobody knows those labels yet, set ingest.on_missing_label: unlabelled; such rows "
            "train without a label"
        )
    return "\n".join(lines)


def _count_rows(problem: RowProblem) -> str:
    return "1 row" if len(problem.rows) == 1 else f"{len(problem.rows)} rows"


def _check_classes(
    table: pd.DataFrame, schema: TransactionSchema, source: Source, n_bad: int
) -> None:
    """Refuse a table in which all labels are the same, or no row is left."""
    n_frauds = int((table[schema.label] == 1).sum())
    n_open = int((table[schema.label] == UNKNOWN).sum())
    set_aside = f" ({n_bad} bad rows were set aside)" if n_bad else ""
    if len(table) == 0:
        raise InputError(
            f"{source.name}: no row can be used{set_aside}; set ingest.on_bad_rows: error in "
            "params.yaml to see what is wrong with them"
        )
    if n_frauds in (0, len(table) - n_open):
        only, other = ("0 (genuine)", "1 (fraud)") if n_frauds == 0 else ("1", "0 (genuine)")
        raise InputError(
            f"{source.name}: column {schema.label} is {only} in all {len(table) - n_open} "
            f"{'labelled ' if n_open else ''}rows{set_aside}; "
            f"expected both classes; add rows with {other}, or correct data.label in params.yaml"
        )


def _summarise(
    table: pd.DataFrame, schema: TransactionSchema, source: Source, dropped: dict[str, Any]
) -> dict[str, Any]:
    n_frauds = int((table[schema.label] == 1).sum())
    n_open = int((table[schema.label] == UNKNOWN).sum())
    time = None
    if schema.time:
        first, last = float(table[schema.time].iloc[0]), float(table[schema.time].iloc[-1])
        time = {"first": first, "last": last, "n_days": (last - first) / 86_400}
    return {
        "sha256": sha256_of_table(table),
        "n_rows": len(table),
        "n_frauds": n_frauds,
        "n_unlabelled": n_open,
        "fraud_rate": n_frauds / (len(table) - n_open),
        "n_rows_read": len(source.frame),
        "dropped": dropped,
        "schema": asdict(schema),
        "time": time,
        "files": [asdict(file) for file in source.files],
    }


def _quarantine(source: Source, reasons: dict[int, str]) -> pd.DataFrame:
    """Return the bad rows as they were read, each with its file, row number and reason."""
    import pandas as pd

    rows = source.frame.take(list(reasons)).reset_index(drop=True)
    for name in rows.columns:
        if rows[name].dtype == object:  # mixed values have no Parquet type
            rows[name] = rows[name].where(rows[name].isna(), rows[name].astype(str))
    places = [source.locate(row) for row in reasons]
    where = pd.DataFrame(
        {
            "source_file": [name for name, _ in places],
            "source_row": [row for _, row in places],
            "reason": list(reasons.values()),
        }
    )
    return pd.concat([rows, where], axis=1)
