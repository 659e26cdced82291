"""Gives labels of people to training rows of unknown label."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.schema import TransactionSchema
from features.transaction_keys import transaction_keys
from pipeline.files.given_labels import GivenLabel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingLabels:
    """Labels of all rows for training.

    Attributes
    ----------
    label : ndarray of shape (n_rows,), int8
        Those of the data, with those of people where the data had none.
    is_labelled : ndarray of shape (n_rows,), bool
        Whether a row may train with its label.
    n_given : int
        Rows that got their label from people.
    """

    label: np.ndarray
    is_labelled: np.ndarray
    n_given: int


def with_given_labels(
    table: pd.DataFrame,
    schema: TransactionSchema,
    is_training: np.ndarray,
    is_labelled: np.ndarray,
    given: Mapping[str, GivenLabel],
) -> TrainingLabels:
    """Fill in what people said about training rows whose label is unknown.

    Nothing else is touched. What the data say of a row stands, contradictions are logged; rows of
    other parts judge by the labels of the data alone, since rows that somebody chose to label are
    no fair sample.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The checked transactions, with all columns of the schema.
    schema : TransactionSchema
        Of the table.
    is_training, is_labelled : ndarray of shape (n_rows,), bool
        From the stage `split`.
    given : mapping of str to GivenLabel
        By key.
    """
    label = table[schema.label].to_numpy().copy()
    keys = transaction_keys(table, schema)
    said = np.array([given[key].label if key in given else -1 for key in keys], dtype=label.dtype)
    is_given = said >= 0
    used = is_given & is_training & ~is_labelled
    contradicted = is_given & is_labelled & (said != label)
    if contradicted.any():
        logger.warning(
            "labels: people and data contradict each other about %d transactions, such as %s; the "
            "data count",
            contradicted.sum(), keys[contradicted][0],
        )  # fmt: skip
    n_elsewhere = int((is_given & ~is_training & ~is_labelled).sum())
    logger.info(
        "labels: %d of %d given labels are training labels now (%d frauds), %d repeat or "
        "contradict the data, %d are of excluded rows, %d of transactions that are not in the data",
        used.sum(), len(given), (said[used] == 1).sum(), (is_given & is_labelled).sum(),
        n_elsewhere, len(given) - len(np.unique(keys[is_given])),
    )  # fmt: skip
    label[used] = said[used]
    return TrainingLabels(label, is_labelled | used, int(used.sum()))
