"""Reason codes: the inputs, in the table's own columns, that pushed a transaction's score up."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.model.folder import FraudModel

logger = logging.getLogger(__name__)

N_REASONS = 3
TOLERANCE = 0.01  # of the difference that contributions add up to


@dataclass(frozen=True)
class Contributions:
    """What each input adds to the score of transactions, in calibrated log odds above the floor.

    Attributes
    ----------
    of_inputs : DataFrame of shape (n_rows, n_inputs)
        In the model's own columns. A positive number made the transaction more suspicious than
        the baseline.
    difference : ndarray of shape (n_rows,)
        Log odds of the transaction less those of the baseline; each row of `of_inputs` adds up
        to it within 1 %.
    """

    of_inputs: pd.DataFrame
    difference: np.ndarray


def contributions(
    model: FraudModel, transactions: pd.DataFrame, baseline: pd.DataFrame | None = None
) -> Contributions:
    """Compute what each input adds to the scores of transactions, compared with the baseline.

    Integrated gradients through scaler, encoders and members (`models.attributions`); the
    parts of a column that the scaler spreads over several, a category, are added up. The
    calibration multiplies log odds by its slope, so it multiplies contributions by that as well.

    Parameters
    ----------
    model : FraudModel
        The packaged model.
    transactions : DataFrame of shape (n_rows, n_columns)
        As for `FraudModel.predict`.
    baseline : DataFrame of shape (1, n_columns), optional
        The transaction to compare with; by default the one in the model.

    Raises
    ------
    InputError
        If a value cannot be used, or the model has no baseline and none is given.
    """
    import numpy as np
    import pandas as pd

    from models.attributions import integrated_gradients

    baseline = model_baseline(model) if baseline is None else baseline
    found = integrated_gradients(
        model.classifier.model_,
        model.scaled(transactions),
        model.scaled(baseline)[0],
        model.classifier.active_members_,
        tolerance=TOLERANCE,
    )
    n_off = int(found.is_off(TOLERANCE).sum())
    if n_off:
        logger.warning(
            "the contributions of %d of %d transactions miss the score difference by more than "
            "%g %%, by %.2g in log odds at most",
            n_off, len(found.difference), 100 * TOLERANCE, np.abs(found.error).max(),
        )  # fmt: skip
    slope = model.calibration.slope
    owners = input_of_scaled(model.scaler)
    scaled = pd.DataFrame(slope * found.contributions, index=transactions.index)
    inputs = list(model.schema.inputs)
    of_inputs = pd.DataFrame({name: scaled.loc[:, owners == name].sum(axis=1) for name in inputs})
    return Contributions(of_inputs, slope * found.difference)


def explain(
    model: FraudModel,
    transactions: pd.DataFrame,
    *,
    n_reasons: int = N_REASONS,
    baseline: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Name the inputs that pushed the score of each transaction up most.

    Parameters
    ----------
    model, transactions, baseline
        As for `contributions`.
    n_reasons : int
        How many to name.

    Returns
    -------
    DataFrame of shape (n_rows, 2 * n_reasons)
        `reason_1`, the input, and `reason_1_contribution`, in calibrated log odds; then
        `reason_2` and so on. Inputs that pushed down or not at all are not named; where fewer
        than `n_reasons` pushed, the rest is missing. The index is that of `transactions`.
    """
    import numpy as np
    import pandas as pd

    if not len(transactions):
        return no_reasons(transactions.index, n_reasons)
    of_inputs = contributions(model, transactions, baseline).of_inputs
    values = of_inputs.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")[:, :n_reasons]
    pushed = np.take_along_axis(values, order, axis=1)
    names = of_inputs.columns.to_numpy(dtype=object)[order]
    reasons = no_reasons(transactions.index, n_reasons)
    for place in range(order.shape[1]):
        is_named = pushed[:, place] > 0
        named = pd.Series(names[:, place], transactions.index, dtype="string")
        reasons[f"reason_{place + 1}"] = named.where(is_named)
        reasons[f"reason_{place + 1}_contribution"] = np.where(is_named, pushed[:, place], np.nan)
    return reasons


def no_reasons(index: pd.Index, n_reasons: int = N_REASONS) -> pd.DataFrame:
    """Return the columns of `explain`, all empty."""
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, contribution in zip(*reason_columns(n_reasons), strict=True):
        columns[name] = pd.Series([None] * len(index), index=index, dtype="string")
        columns[contribution] = np.full(len(index), np.nan)
    return pd.DataFrame(columns, index=index)


def reason_columns(n_reasons: int = N_REASONS) -> tuple[list[str], list[str]]:
    """Return the names of the columns of names, and of those of contributions."""
    names = [f"reason_{place + 1}" for place in range(n_reasons)]
    return names, [f"{name}_contribution" for name in names]


def model_baseline(model: FraudModel) -> pd.DataFrame:
    """Return the baseline that a packaged model holds, a table of one row.

    Raises
    ------
    InputError
        If it was packaged without one.
    """
    import pandas as pd

    baseline = model.manifest["baseline"]
    if baseline is None:
        raise InputError(
            "the model was packaged without a baseline to give reasons against: run the stage "
            "evaluate again (counterfoil run --from evaluate)"
        )
    return pd.DataFrame([baseline])


def input_of_scaled(scaler: Any) -> np.ndarray:
    """Return the raw input that each scaled column belongs to.

    Parameters
    ----------
    scaler : ColumnTransformer
        Of the stage `scale`: numbers one to one, categories as one column for each value.

    Returns
    -------
    ndarray of str of shape (n_scaled,)
    """
    import numpy as np

    owners: list[str] = []
    for part, fitted, names in scaler.transformers_:
        if part == "numeric":
            owners += names
        elif part == "categorical":
            rare_of = fitted.infrequent_categories_
            for name, known, rare in zip(names, fitted.categories_, rare_of, strict=True):
                # Rare categories share one column.
                n_rare = 0 if rare is None else len(rare)
                owners += [name] * (len(known) - n_rare + (n_rare > 0))
    return np.array(owners, dtype=object)
