"""Names of transactions that depend on their content alone."""

import hashlib
import json

import numpy as np
import pandas as pd

from features.schema import TransactionSchema

N_DIGITS = 20  # 80 bits: among a hundred million rows two share a key once in 10^8 tables


def transaction_keys(table: pd.DataFrame, schema: TransactionSchema) -> np.ndarray:
    """Key of each row: a SHA-256 of its time and inputs, with their names, without the label.

    The same transaction has the same key in every file and format, whatever the order of rows and
    columns, before its label is known and afterwards.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        In canonical types, from `features.row_checks.check_rows`.
    schema : TransactionSchema
        Of that table.

    Returns
    -------
    ndarray of shape (n_rows,), str
        ``t-`` and 20 hexadecimal digits.

    Examples
    --------
    >>> schema = TransactionSchema(label="Class", time=None, amount=None, features=("V1", "V2"))
    >>> table = pd.DataFrame({"V1": [0.5, 0.5], "V2": [1.0, 2.0], "Class": [0, 1]})
    >>> transaction_keys(table, schema).tolist()
    ['t-90f5efccc22b7aa7037c', 't-82a8f2f1688e5e47932f']
    """
    names = sorted({*schema.columns} - {schema.label})
    categorical = [name for name in names if name in schema.categorical]
    numeric = [name for name in names if name not in schema.categorical]
    head = json.dumps([numeric, categorical]).encode()
    # Adding 0 turns -0.0 into 0.0, so that equal numbers have equal bytes.
    numbers = np.ascontiguousarray(table[numeric].to_numpy("<f8") + 0.0)
    texts = [json.dumps(row).encode() for row in table[categorical].astype(str).to_numpy().tolist()]
    # A letter first: no spreadsheet takes a key for a number.
    return np.array(
        [
            "t-" + hashlib.sha256(head + row.tobytes() + text).hexdigest()[:N_DIGITS]
            for row, text in zip(numbers, texts, strict=True)
        ],
        dtype=f"U{N_DIGITS + 2}",
    )
