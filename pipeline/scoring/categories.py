"""True and false as the model knows them."""

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
    encoder = scaler.named_transformers_.get("categorical")
    if encoder is None:
        return inputs
    return inputs.assign(
        **{
            name: inputs[name].replace(SPELLINGS)
            for name, known in zip(encoder.feature_names_in_, encoder.categories_, strict=True)
            if set(known) <= set(SPELLINGS.values())
        }
    )
