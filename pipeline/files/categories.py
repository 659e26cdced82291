"""Which text a model knows, and true and false as it knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# pandas reads a CSV column of these as booleans, whose text is then True or False.
SPELLINGS = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}


def spell_booleans(inputs: pd.DataFrame, scaler: Any) -> pd.DataFrame:
    """Return the inputs with the text True and False in columns that were booleans in training.

    Parameters
    ----------
    inputs : DataFrame of shape (n_rows, n_inputs)
        Categories as text; not changed.
    scaler : ColumnTransformer
        Of the stage `scale`; it knows the categories.
    """
    booleans = [name for name, is_boolean in _categorical(scaler).items() if is_boolean]
    return inputs.assign(**{name: inputs[name].replace(SPELLINGS) for name in booleans})


def text_columns(scaler: Any) -> list[str]:
    """Return the columns that a CSV file must be read as text for: all codes, but no booleans.

    Left alone, pandas would make 763 of the code 0763 in a file that holds no other kind of code.
    """
    return [name for name, is_boolean in _categorical(scaler).items() if not is_boolean]


def _categorical(scaler: Any) -> dict[str, bool]:
    """Return the categorical columns, and whether each was of booleans in training."""
    encoder = scaler.named_transformers_.get("categorical")
    if encoder is None:
        return {}
    return {
        str(name): set(known) <= set(SPELLINGS.values())
        for name, known in zip(encoder.feature_names_in_, encoder.categories_, strict=True)
    }
