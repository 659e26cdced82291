"""The SHA-256 of a table's content."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def sha256_of_table(table: pd.DataFrame) -> str:
    """Return a SHA-256 of names and values, the same whatever file format they came from.

    Examples
    --------
    >>> import pandas as pd
    >>> whole, real = pd.DataFrame({"V1": [1]}), pd.DataFrame({"V1": [1.0]})
    >>> sha256_of_table(whole) == sha256_of_table(real)
    True
    """
    digest = hashlib.sha256(json.dumps(list(table.columns)).encode())
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "fiub":
            digest.update(column.to_numpy().astype("<f8").tobytes())
        else:
            digest.update(json.dumps(column.tolist()).encode())
    return digest.hexdigest()
