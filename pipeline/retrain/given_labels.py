"""Which rows of a window a challenger may train on because people gave them a label."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.given_labels import GivenLabel
from pipeline.params.sections import DataParams

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

logger = logging.getLogger(__name__)


def labelled_by_people(
    rows: pd.DataFrame,
    may_train: np.ndarray,
    data: DataParams,
    given: Mapping[str, GivenLabel],
) -> tuple[np.ndarray, dict[str, GivenLabel]]:
    """Return which rows train with a label of people, and these labels.

    What the deliveries say of a transaction stands; the log counts what became of every label.

    Parameters
    ----------
    rows : DataFrame
        Of the window; the label is missing where no delivery brought it.
    may_train : ndarray of shape (n_rows,), bool
        Rows old enough to train and not to judge.
    data : DataParams
        Names the columns.
    given : mapping of str to GivenLabel
        By key.

    Returns
    -------
    is_used : ndarray of shape (n_rows,), bool
    used : dict of str to GivenLabel

    Raises
    ------
    InputError
        If the columns of the window cannot be used.
    """
    import numpy as np

    keys = keys_of(rows, data)
    said = np.array([given[key].label if key in given else -1 for key in keys])
    is_open = rows[data.label].isna().to_numpy()
    is_used = (said >= 0) & is_open & may_train
    waits = (said >= 0) & is_open & ~may_train
    repeats = (said >= 0) & ~is_open
    contradicts = repeats & (said != rows[data.label].fillna(0).to_numpy())
    logger.info(
        "labels: %d of %d given labels train (%d frauds), %d are of transactions too new to "
        "train, %d of transactions that a delivery has labelled, %d of transactions that are not "
        "in the window",
        is_used.sum(), len(given), (said[is_used] == 1).sum(), waits.sum(), repeats.sum(),
        len(given) - len(np.unique(keys[said >= 0])),
    )  # fmt: skip
    if contradicts.any():
        logger.warning(
            "labels: people and deliveries contradict each other about %d transactions, such as "
            "%s; the deliveries count",
            contradicts.sum(), keys[contradicts][0],
        )  # fmt: skip
    return is_used, {key: given[key] for key in keys[is_used].tolist()}


def labels_sha256(given: Mapping[str, GivenLabel]) -> str:
    """SHA-256 of keys and labels, whoever gave them and in whatever order."""
    content = json.dumps({key: one.label for key, one in given.items()}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def keys_of(rows: pd.DataFrame, data: DataParams) -> np.ndarray:
    """Key of each row, as `counterfoil label suggest` made it.

    Parameters
    ----------
    rows : DataFrame
        As delivered; the label may be missing.
    data : DataParams
        Names the columns.

    Raises
    ------
    InputError
        If the columns cannot be used.
    """
    from features.row_checks import check_rows
    from features.schema import SchemaError, resolve_schema
    from features.transaction_keys import transaction_keys

    filled = rows.assign(**{data.label: rows[data.label].fillna(0)})
    try:
        schema = resolve_schema(
            filled, label=data.label, time=data.time, amount=data.amount, features=data.features,
            ignored=data.ignored,
        )  # fmt: skip
    except SchemaError as error:
        raise InputError("; ".join(error.problems)) from error
    checked, _ = check_rows(filled, schema)
    return transaction_keys(checked, schema)
