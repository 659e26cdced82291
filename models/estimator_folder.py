"""Estimators around one Keras model as a folder: JSON and a `.keras` file, no pickle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from models.saving import file_sha256, load_model, plain, save_model

FORMAT_VERSION = 1
PARAMS_FILE = "params.json"
MODEL_FILE = "model.keras"


class SavedInFolder:
    """`save` and `load` for an estimator whose fit ends in a Keras model, `model_`.

    A subclass says in `_fitted_state` what else its fit found, in terms of JSON, and takes that
    back in `_restore`. `_unsaved_params` names parameters that hold Keras models themselves.
    """

    _unsaved_params: tuple[str, ...] = ()

    def _fitted_state(self):
        return {}

    def _restore(self, state):
        pass

    def save(self, path):
        """Write the fitted estimator to a folder: `params.json` and `model.keras`.

        Parameters
        ----------
        path : str or Path
            Folder; made where it is missing.

        Raises
        ------
        TypeError
            If a parameter cannot be written as JSON, such as a `RandomState`; nothing is written.
        """
        check_is_fitted(self, "model_")
        params = self.get_params(deep=False)
        for name, value in params.items():
            if name not in self._unsaved_params and not _is_json(value):
                raise TypeError(
                    f"{name}={value!r} cannot be written as JSON, {type(self).__name__} is not "
                    "saved; make it with a plain number, text or list instead"
                )
        state = {
            "format": FORMAT_VERSION,
            "class": type(self).__name__,
            "params": {k: v for k, v in params.items() if k not in self._unsaved_params},
            "n_features_in": self.n_features_in_,
            "feature_names_in": getattr(self, "feature_names_in_", np.array([])).tolist(),
            **self._fitted_state(),
        }
        folder = Path(path)
        save_model(self.model_, folder / MODEL_FILE)
        state["model_sha256"] = file_sha256(folder / MODEL_FILE)
        unfinished = folder / f".{PARAMS_FILE}.part"
        unfinished.write_text(json.dumps(state, indent=2, default=plain) + "\n", encoding="utf-8")
        unfinished.replace(folder / PARAMS_FILE)

    @classmethod
    def load(cls, path):
        """Read an estimator that `save` wrote; its output is the same.

        Parameters
        ----------
        path : str or Path
            The folder.

        Returns
        -------
        estimator of this class
            Fitted; a `clone` of it trains anew.

        Raises
        ------
        FileNotFoundError
            If the folder holds no saved estimator.
        ValueError
            If it holds another class, damaged files, or files that do not belong together.
        """
        folder = Path(path)
        for name in (PARAMS_FILE, MODEL_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"no {cls.__name__} at {folder}: {name} is missing; give a folder that `save` "
                    "wrote"
                )
        try:
            state = json.loads((folder / PARAMS_FILE).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{folder / PARAMS_FILE} is damaged ({error}); save the estimator again"
            ) from error
        expected = {"format": FORMAT_VERSION, "class": cls.__name__}
        found = {key: state.get(key) for key in expected}
        if found != expected:
            raise ValueError(f"{folder} should hold {expected}, but holds {found}")
        if file_sha256(folder / MODEL_FILE) != state["model_sha256"]:
            raise ValueError(
                f"{folder / MODEL_FILE} is not the model that {PARAMS_FILE} was written with; "
                "save the estimator again"
            )
        estimator = cls(**state["params"])
        estimator.model_ = load_model(folder / MODEL_FILE)
        estimator.n_features_in_ = state["n_features_in"]
        if state["feature_names_in"]:
            estimator.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        estimator._restore(state)
        return estimator


def _is_json(value):
    try:
        json.dumps(value, default=plain)
    except TypeError:
        return False
    return True
