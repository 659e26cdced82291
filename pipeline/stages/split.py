"""Stage `split`: divides the rows into parts and marks which training rows keep their label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from features.row_checks import UNKNOWN
from features.schema import TransactionSchema
from features.splitting import (
    PARTS,
    TRAINING,
    choose_labelled,
    group_identical,
    place_unlabelled,
    split_by_time,
    split_stratified,
)
from pipeline.errors import InputError, ParamsError
from pipeline.files.atomic import write_json
from pipeline.stages.context import StageContext, StageResult

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.params.sections import SplitParams


def split(context: StageContext) -> StageResult:
    """Write split.parquet (row_id, part, is_labelled) and split.json (counts per part)."""
    import pandas as pd

    table = context.artifacts.transactions()
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    y = table[schema.label].to_numpy()
    groups = group_identical(table[list(schema.inputs)])
    time = table[schema.time].to_numpy() if schema.time else None
    try:
        part, is_labelled = _divide(context.params.split, time, y, groups)
    except ValueError as error:
        raise InputError(str(error)) from error
    rows = pd.DataFrame(
        {
            "row_id": np.arange(len(table), dtype=np.int64),
            "part": part.astype(str),
            "is_labelled": is_labelled,
        }
    )
    summary = _summarise(rows, y, time)
    rows.to_parquet(context.output / "split.parquet", index=False)
    write_json(summary, context.output / "split.json")
    training = summary["parts"][TRAINING]
    return StageResult(n_rows=training["n_rows"], n_frauds=training["n_frauds"])


def _divide(
    params: SplitParams, time: np.ndarray | None, y: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    part_seed, label_seed = np.random.SeedSequence(params.seed).spawn(2)
    fractions = {
        "validation_fraction": params.validation_fraction,
        "test_fraction": params.test_fraction,
    }
    is_known = y != UNKNOWN
    known = (y[is_known], groups[is_known])
    is_by_time = params.method == "time"
    if not is_by_time:
        part = split_stratified(*known, **fractions, rng=np.random.default_rng(part_seed))
    elif time is None:
        raise ParamsError(
            "params.yaml: split.method: time needs a time column, got data.time: null; name the "
            "column in data.time, or use split.method: stratified"
        )
    else:
        part = split_by_time(time[is_known], *known, **fractions, delay_days=params.delay_days)
    part = place_unlabelled(
        part, is_known, groups, time if is_by_time else None, delay_days=params.delay_days
    )
    is_labelled = choose_labelled(
        y,
        part,
        n_labelled_frauds=params.n_labelled_frauds,
        n_labelled_genuine=params.n_labelled_genuine,
        rng=np.random.default_rng(label_seed),
    )
    return part, is_labelled


def _summarise(rows: pd.DataFrame, y: np.ndarray, time: np.ndarray | None) -> dict[str, Any]:
    parts = {}
    for name in PARTS:
        is_member = (rows["part"] == name).to_numpy()
        is_labelled = is_member & rows["is_labelled"].to_numpy()
        parts[name] = {
            "n_rows": int(is_member.sum()),
            "n_frauds": int((y[is_member] == 1).sum()),
            "n_labelled": int(is_labelled.sum()),
            "n_labelled_frauds": int(y[is_labelled].sum()),
            "time": None
            if time is None or not is_member.any()
            else [float(time[is_member].min()), float(time[is_member].max())],
        }
    return {"parts": parts}
