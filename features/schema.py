"""What the columns of a transaction table mean, and the checks of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd
from pandas.api import types

# A text column with more values than this is a name or a key, not a category.
MAX_CATEGORIES = 100
# A text column of which at least this share reads as numbers is a numeric one with bad cells.
NUMERIC_SHARE = 0.5
_MAX_NAMES = 8


class SchemaError(ValueError):
    """A table that cannot be used; the message lists everything that is wrong with it.

    Parameters
    ----------
    problems : sequence of str
        One sentence each: what is wrong, where, what was expected, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class TransactionSchema:
    """Which column of a transaction table plays which part.

    Parameters
    ----------
    label : str
        1 marks fraud, 0 a genuine transaction.
    time : str or None
        Seconds, >= 0. Orders the rows; never an input of a model.
    amount : str or None
        The sum of money; an input of the models.
    features : tuple of str
        The other inputs, without `amount`.
    categorical : tuple of str, default=()
        Those of `features` that hold categories instead of numbers.
    """

    label: str
    time: str | None
    amount: str | None
    features: tuple[str, ...]
    categorical: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "TransactionSchema":
        """Schema from what `dataclasses.asdict` and JSON made of one."""
        many = {name: tuple(fields[name]) for name in ("features", "categorical")}
        return cls(**{**fields, **many})

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a model sees: `features`, then `amount`."""
        return self.features + ((self.amount,) if self.amount else ())

    @property
    def numeric_inputs(self) -> tuple[str, ...]:
        """The inputs that hold numbers."""
        return tuple(name for name in self.inputs if name not in self.categorical)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in the order in which a checked table has them."""
        time = (self.time,) if self.time else ()
        return time + self.inputs + (self.label,)


def resolve_schema(
    frame: pd.DataFrame,
    *,
    label: str,
    time: str | None = None,
    amount: str | None = None,
    features: str | Sequence[str] = "auto",
    ignored: Sequence[str] = (),
) -> TransactionSchema:
    """Part of each column of a table, from its names and types.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The table as read.
    label, time, amount : str or None
        Names of columns with these meanings; None if the table has no time or amount.
    features : "auto" or sequence of str, default="auto"
        Names of the other inputs; "auto" takes every column that has no other meaning.
    ignored : sequence of str, default=()
        Columns that nothing uses, such as keys.

    Returns
    -------
    TransactionSchema
        Text, boolean and categorical features are its `categorical`. Text that mostly reads as
        numbers counts as numbers.

    Raises
    ------
    SchemaError
        If columns are missing, named twice, in excess, have two meanings or a type that is
        neither number nor category; all such problems in one message.

    Examples
    --------
    >>> frame = pd.DataFrame({"V1": [0.5], "country": ["DE"], "Amount": [9.9], "Class": [0]})
    >>> schema = resolve_schema(frame, label="Class", amount="Amount")
    >>> schema.inputs, schema.categorical
    (('V1', 'country', 'Amount'), ('country',))
    """
    columns = [str(name) for name in frame.columns]
    roles = {"data.label": label, "data.time": time, "data.amount": amount}
    problems = _name_problems(columns, roles, features, ignored)
    if problems:
        raise SchemaError(problems)
    taken = {name for name in roles.values() if name is not None}
    chosen = columns if isinstance(features, str) else list(features)
    chosen = [name for name in chosen if name not in taken and name not in ignored]
    kinds = {name: _kind(frame[name]) for name in chosen}
    problems = [_type_problem(name, frame[name], kinds[name]) for name in chosen]
    for name in (amount, label):
        if name is not None and _kind(frame[name]) == "other":
            problems.append(_type_problem(name, frame[name], "other"))
    problems = [problem for problem in problems if problem]
    if not chosen and amount is None:
        problems.append(
            f"no column is left as an input of the models: the table has {_listing(columns)}; "
            "add feature columns to the data"
        )
    if problems:
        raise SchemaError(problems)
    categorical = tuple(name for name in chosen if kinds[name] == "category")
    return TransactionSchema(label, time, amount, tuple(chosen), categorical)


def _name_problems(columns, roles, features, ignored):
    """Sentences about names: missing, double, in excess, with two meanings."""
    expected = dict(roles)
    if not isinstance(features, str):
        expected |= {f"data.features: {name}": name for name in features}
    expected |= {f"data.ignored: {name}": name for name in ignored}
    expected = {key: name for key, name in expected.items() if name is not None}
    problems = [
        f"columns named twice: {_listing(doubles)}; expected every name once; rename or remove one"
        for doubles in [sorted({name for name in columns if columns.count(name) > 1})]
        if doubles
    ]
    problems += [
        _missing_column(key, name, columns) for key, name in expected.items() if name not in columns
    ]
    problems += _double_meanings(roles, features, ignored)
    known = set(expected.values())
    extra = [name for name in columns if name not in known]
    if extra and not isinstance(features, str):
        problems.append(
            f"columns that params.yaml does not name: {_listing(extra)}; add them to "
            "data.features to use them, or to data.ignored to leave them out"
        )
    return problems


def _missing_column(key, name, columns):
    key = key.split(":")[0]
    similar = get_close_matches(name, columns, n=1)
    hint = f" (did you mean {similar[0]}?)" if similar else ""
    cures = {
        "data.time": "name the right column there, or set data.time: null if there is none",
        "data.amount": "name the right column there, or set data.amount: null if there is none",
        "data.label": "name the column that marks fraud there",
    }
    cure = cures.get(key, f"correct {key} or the data")
    return (
        f"column {name} ({key} in params.yaml) is missing{hint}: the table has "
        f"{_listing(columns)}; {cure}"
    )


def _double_meanings(roles, features, ignored):
    """Sentences about columns that params.yaml names in two places."""
    meanings: dict[str, list[str]] = {}
    for key, name in roles.items():
        if name is not None:
            meanings.setdefault(name, []).append(key)
    for name in () if isinstance(features, str) else features:
        # The amount is an input anyway, so a list of inputs may well hold it.
        if name != roles["data.amount"]:
            meanings.setdefault(name, []).append("data.features")
    for name in ignored:
        meanings.setdefault(name, []).append("data.ignored")
    return [
        f"column {name} is named by {' and '.join(keys)}; expected one meaning for each column"
        for name, keys in meanings.items()
        if len(keys) > 1
    ]


def _kind(column):
    """Whether a column holds numbers, categories or something `other`."""
    if types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
        return "number"
    if not (types.is_string_dtype(column) or types.is_object_dtype(column)):
        return "other"
    present = column.dropna()
    if not present.map(lambda value: isinstance(value, (str, bool, int, float))).all():
        try:
            present.astype(float)
        except (TypeError, ValueError):
            return "other"
        return "number"
    readable = pd.to_numeric(present, errors="coerce").notna().mean() if len(present) else 1.0
    return "number" if readable >= NUMERIC_SHARE else "category"


def _type_problem(name, column, kind):
    """Say what is wrong with the type of a feature, or nothing."""
    if kind == "other":
        return (
            f"column {name} holds {column.dtype} values; expected numbers, text or true/false; "
            "convert it, or add it to data.ignored in params.yaml"
        )
    n_values = column.nunique() if kind == "category" else 0
    if n_values > MAX_CATEGORIES:
        return (
            f"column {name} holds text with {n_values} different values; expected numbers or at "
            f"most {MAX_CATEGORIES} categories; if it is a key, add it to data.ignored in "
            "params.yaml"
        )
    return None


def _listing(names):
    """Names for a message, shortened."""
    names = list(names)
    shown = ", ".join(map(str, names[:_MAX_NAMES]))
    return shown + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")
