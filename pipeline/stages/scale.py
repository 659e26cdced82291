"""Stage `scale`: fits the scaling on training rows and applies it to all rows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from features.scaling import TransactionScaler
from features.schema import TransactionSchema
from features.splitting import TRAINING
from pipeline.errors import InputError, ParamsError
from pipeline.files.atomic import write_json
from pipeline.model.scaler import save_scaler
from pipeline.stages.context import StageContext, StageResult

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

    from pipeline.params.sections import ScaleParams

# Training rows that a category needs for a column of its own; rarer ones share one.
MIN_CATEGORY_ROWS = 10
ROWS_PER_PASS = 100_000  # scaling takes several times the memory of the rows in a pass


def scale(context: StageContext) -> StageResult:
    """Write scaler.skops, scaled.npy (float32, all rows) and scale.json."""
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    table = context.artifacts.transactions([*schema.inputs, schema.label])
    is_training = (context.artifacts.split()["part"] == TRAINING).to_numpy()
    label = table.pop(schema.label).to_numpy()
    scaler = make_scaler(context.params.scale, schema)
    scaler.fit(table.loc[is_training])
    scaled = _transform(scaler, table)
    np.save(context.output / "scaled.npy", scaled, allow_pickle=False)
    save_scaler(scaler, context.output / "scaler.skops")
    write_json(_summarise(scaler, int(is_training.sum())), context.output / "scale.json")
    return StageResult(n_rows=int(is_training.sum()), n_frauds=int((label[is_training] == 1).sum()))


def make_scaler(params: ScaleParams, schema: TransactionSchema) -> ColumnTransformer:
    """Return the unfitted scaling of all inputs: numbers first, then one column per category."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder

    numeric, categorical = list(schema.numeric_inputs), list(schema.categorical)
    _check_columns(params, numeric, categorical)
    numbers = TransactionScaler(method=params.method, column_methods=dict(params.columns))
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=MIN_CATEGORY_ROWS,
        sparse_output=False,
    )
    parts = [("numeric", numbers, numeric), ("categorical", categories, categorical)]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def _check_columns(params: ScaleParams, numeric: list[str], categorical: list[str]) -> None:
    for name in params.columns:
        if name in categorical:
            raise ParamsError(
                f"params.yaml: scale.columns.{name}: this column holds categories, which are "
                "encoded and not scaled; remove the key"
            )
        if name not in numeric:
            similar = get_close_matches(name, numeric, n=1)
            hint = f"; did you mean {similar[0]}?" if similar else ""
            raise ParamsError(
                f"params.yaml: scale.columns.{name} is not an input of the models{hint}"
            )


def _transform(scaler: ColumnTransformer, inputs: pd.DataFrame) -> np.ndarray:
    """Return all rows as float32; a value that leaves its range is an error naming the column."""
    shape = len(inputs), len(scaler.get_feature_names_out())
    scaled = np.empty(shape, dtype=np.float32)
    with np.errstate(over="ignore"):
        for start in range(0, len(inputs), ROWS_PER_PASS):
            rows = slice(start, start + ROWS_PER_PASS)
            scaled[rows] = scaler.transform(inputs.iloc[rows])
    is_finite = np.isfinite(scaled).all(axis=0)
    if not is_finite.all():
        names = scaler.get_feature_names_out()[~is_finite]
        raise InputError(
            f"scaled values of {', '.join(names)} are too large for float32: some row lies far "
            "outside the training rows; correct the data, or set scale.columns for them to "
            "arcsinh in params.yaml"
        )
    return scaled


def _summarise(scaler: ColumnTransformer, n_rows: int) -> dict[str, Any]:
    """Return the names of the scaled columns and the constants of each numeric one."""
    columns: dict[str, Any] = {}
    if "numeric" in scaler.named_transformers_:
        fitted = scaler.named_transformers_["numeric"]
        for i, name in enumerate(fitted.feature_names_in_):
            columns[str(name)] = {
                "method": fitted.methods_[i],
                "offset": float(fitted.offset_[i]),
                "scale": float(fitted.scale_[i]),
                "bound": float(fitted.bound_[i]),
            }
    if "categorical" in scaler.named_transformers_:
        fitted = scaler.named_transformers_["categorical"]
        for name, categories in zip(fitted.feature_names_in_, fitted.categories_, strict=True):
            columns[str(name)] = {"method": "one_hot", "categories": [str(c) for c in categories]}
    inputs = [str(name) for name in scaler.get_feature_names_out()]
    return {"inputs": inputs, "n_rows_fitted_on": n_rows, "columns": columns}
