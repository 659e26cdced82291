"""Whether the labels of a delivery are to be believed: the champion must recognise some of them."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.metrics import prevalence_weights
from evaluation.ranking import average_precision
from pipeline.errors import InputError
from pipeline.model.folder import read_manifest
from pipeline.params.sections import DataParams, RetrainParams
from pipeline.tracking.names import packaged_model

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.model.folder import FraudModel

logger = logging.getLogger(__name__)

FEWEST_FRAUDS = 10  # fewer say nothing


class LabelCheck:
    """Compares the champion's average precision on a delivery with that on its own test rows.

    A new kind of fraud costs it some; labels that were shuffled or belong to other rows cost it
    nearly all, and no other check of a delivery sees that.

    Parameters
    ----------
    champion : str or None
        URI of the model; without one nothing is doubted.
    data : DataParams
        Names the label.
    limits : RetrainParams
        `min_label_agreement`.
    home : Path
        Of the tracking database.
    """

    def __init__(
        self, champion: str | None, data: DataParams, limits: RetrainParams, home: Path
    ) -> None:
        self._champion, self._data, self._limits, self._home = champion, data, limits, home

    def __call__(self, table: pd.DataFrame) -> str | None:
        """Return why the labels are not to be believed, or None."""
        label = self._data.label
        if self._champion is None or self._limits.min_label_agreement == 0 or label not in table:
            return None
        known = table[table[label].notna()]
        y = known[label].to_numpy(dtype=int)
        if y.sum() < FEWEST_FRAUDS or y.all():
            return None
        model, own, prevalence = self._loaded
        try:
            score = model.predict(known)["score"].to_numpy()
        except InputError as error:
            return f"the champion cannot score it: {error}"
        found = average_precision(y, score, prevalence_weights(y, prevalence))
        if found >= self._limits.min_label_agreement * own:
            return None
        return (
            f"the champion's average precision on its {int(y.sum())} frauds is {found:.3f}, on its "
            f"own test rows it was {own:.3f}: the labels do not belong to these rows, or all "
            "frauds are of a new kind; have a person look (less than "
            f"{self._limits.min_label_agreement:g} times is refused, "
            "retrain.min_label_agreement)"
        )

    @cached_property
    def _loaded(self) -> tuple[FraudModel, float, float | None]:
        from pipeline.tracking.opening import open_model

        with packaged_model(str(self._champion), self._home) as folder:
            trained_on = read_manifest(folder)["trained_on"]
            model = open_model(str(folder), folder)
        own = float(trained_on["average_precision"]["value"])
        return model, own, trained_on["prevalence"]
