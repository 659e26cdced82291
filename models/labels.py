"""Labels of a semi-supervised classifier: classes, and -1 for rows without one."""

from __future__ import annotations

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

UNLABELLED = -1


def encode_labels(y):
    """Classes in order, and the place of each row's class among them.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Classes; where they are numbers, -1 marks unlabelled rows (scikit-learn's convention for
        semi-supervised learning).

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : int32 ndarray of shape (n_rows,)
        -1 for unlabelled rows.

    Examples
    --------
    >>> encode_labels([7, -1, 3, 7])
    (array([3, 7]), array([ 1, -1,  0,  1], dtype=int32))
    """
    check_classification_targets(y)
    y = np.asarray(y)
    numeric = np.issubdtype(y.dtype, np.number) and not np.issubdtype(y.dtype, np.bool_)
    labelled = y != UNLABELLED if numeric else np.ones(len(y), bool)
    classes = np.unique(y[labelled])
    codes = np.full(len(y), UNLABELLED, dtype=np.int32)
    codes[labelled] = np.searchsorted(classes, y[labelled])
    return classes, codes
