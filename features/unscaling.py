"""Scaled rows back in the units and categories of the transactions."""

import numpy as np
import pandas as pd

# As `stage scale` names the parts of its ColumnTransformer.
NUMERIC, CATEGORICAL = "numeric", "categorical"


def unscale(scaler, rows, columns):
    """Table of scaled rows in the columns' units.

    A decoder does not know that a category is one or the other: the most pronounced one is taken.
    Of rare categories, which share one scaled column, the first by name stands for all.

    Parameters
    ----------
    scaler : fitted ColumnTransformer
        With the parts "numeric" (`TransactionScaler`) and "categorical" (`OneHotEncoder`), either
        of which may be missing.
    rows : array-like of shape (n_rows, n_scaled)
        Scaled, e.g. decoded from codes.
    columns : sequence of str
        The order of the columns returned.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        Numbers float64, categories as they were fitted.
    """
    rows = np.asarray(rows, dtype=np.float64)
    table = {}
    for part in scaler_columns(scaler):
        block = rows[:, part["start"] : part["start"] + part["width"]]
        if part["categories"] is None:
            table[part["name"]] = part["scaler"].inverse_transform(block)[:, 0]
        else:
            names = np.array(part["categories"], dtype=object)
            table[part["name"]] = names[block.argmax(axis=1)]
    return pd.DataFrame(table)[list(columns)]


def scaler_columns(scaler):
    """Where each column stands among the scaled ones, and how it was scaled.

    Parameters
    ----------
    scaler : fitted ColumnTransformer
        As for `unscale`.

    Returns
    -------
    list of dict
        `name`, `start`, `width` (of the scaled columns); of a number `scaler`, a
        `TransactionScaler` of it alone, and `categories` None; of a category `categories`, one
        name for each of its scaled columns.
    """
    found = []
    for part, block in scaler.output_indices_.items():
        if part not in (NUMERIC, CATEGORICAL):
            continue
        fitted, start = scaler.named_transformers_[part], block.start
        for i, name in enumerate(fitted.feature_names_in_):
            if part == NUMERIC:
                column = {"scaler": _only(fitted, i), "categories": None, "width": 1}
            else:
                names = _categories(fitted, i)
                column = {"categories": names, "width": len(names)}
            found.append({"name": str(name), "start": start, **column})
            start += column["width"]
    return found


def _only(fitted, i):
    """Return the scaler of one column."""
    one = type(fitted)(method=fitted.methods_[i])
    one.methods_ = [fitted.methods_[i]]
    for name in ("offset_", "scale_", "bound_"):
        setattr(one, name, getattr(fitted, name)[i : i + 1])
    one.n_features_in_ = 1
    return one


def _categories(encoder, i):
    """Names of the scaled columns of one column, rare categories at the end as in scikit-learn."""
    rare = encoder.infrequent_categories_[i]
    rare = [] if rare is None else list(rare)
    frequent = [name for name in encoder.categories_[i] if name not in rare]
    return [*frequent, *rare[:1]]
