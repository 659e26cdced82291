"""A fitted `SGANClassifier` as a folder: JSON and `.keras` files, no pickle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from models.saving import file_sha256, load_model, plain, save_model

STATE_FILE = "classifier.json"
MODEL_FILE = "sgan.keras"
LAST_FILE = "sgan_last.keras"
# Networks are part of the model, and a fitted classifier draws no more random numbers.
NOT_SAVED = ("autoencoder", "vae", "random_state")
# What a fit finds beside the networks: attributes whose name in the file lacks the underscore.
FOUND = ("chosen_epoch_", "prior_shift_", "collapses_", "pseudo_label_warnings_")


class SavedClassifier:
    """`save` and `load` of `SGANClassifier`."""

    def save(self, folder, *, with_last=False):
        """Write the fitted classifier to a folder: JSON and `.keras` files, no pickle.

        Parameters
        ----------
        folder : path
            Made where it is missing.
        with_last : bool, default=False
            Also write the weights of the last epoch, which do not score.

        Raises
        ------
        TypeError
            If a parameter cannot be written as JSON; nothing is written.
        NotFittedError
            If there is no fit, or with `with_last` no last epoch, as after `load`.
        """
        check_is_fitted(self, "last_model_" if with_last else None)
        state = self._state()
        try:
            _in_json(state)
        except TypeError as error:
            raise TypeError(f"{error}; the classifier is not saved") from error
        folder = Path(folder)
        save_model(self.model_, folder / MODEL_FILE)
        if with_last:
            save_model(self.last_model_, folder / LAST_FILE)
        else:
            (folder / LAST_FILE).unlink(missing_ok=True)  # of an earlier classifier
        state["model_sha256"] = file_sha256(folder / MODEL_FILE)
        unfinished = folder / f".{STATE_FILE}.part"
        unfinished.write_text(_in_json(state), encoding="utf-8")
        unfinished.replace(folder / STATE_FILE)

    def _state(self):
        parameters = self.get_params(deep=False)
        return {
            "parameters": {k: v for k, v in parameters.items() if k not in NOT_SAVED},
            "classes": self.classes_.tolist(),
            "n_features_in": self.n_features_in_,
            "feature_names_in": list(getattr(self, "feature_names_in_", [])) or None,
            "active_members": self.active_members_.tolist(),
            **{name.removesuffix("_"): getattr(self, name) for name in FOUND},
        }

    @classmethod
    def load(cls, folder):
        """Read a classifier that `save` wrote; it scores, it has no training history.

        Parameters
        ----------
        folder : path
            The folder.

        Returns
        -------
        SGANClassifier
            Fitted, without `history_` and `ensemble_history_`; `last_model_` where it was saved.

        Raises
        ------
        FileNotFoundError
            If the folder holds no saved classifier.
        ValueError
            If its files do not belong together, as after a kill between them.
        """
        folder = Path(folder)
        for name in (STATE_FILE, MODEL_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} has no {name}: give a folder that `save` wrote")
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        if state.get("model_sha256") != file_sha256(folder / MODEL_FILE):
            raise ValueError(
                f"{folder / MODEL_FILE} is not the model that {STATE_FILE} was written with; save "
                "the classifier again"
            )
        model = load_model(folder / MODEL_FILE)
        classifier = cls(autoencoder=model.autoencoder, vae=model.vae, **state["parameters"])
        classifier.model_ = model
        if (folder / LAST_FILE).exists():
            classifier.last_model_ = load_model(folder / LAST_FILE)
        classifier.classes_ = np.asarray(state["classes"])
        classifier.n_features_in_ = state["n_features_in"]
        if state["feature_names_in"]:
            classifier.feature_names_in_ = np.asarray(state["feature_names_in"], dtype=object)
        classifier.active_members_ = np.asarray(state["active_members"])
        for name in FOUND:
            setattr(classifier, name, state[name.removesuffix("_")])
        return classifier


def _in_json(state):
    return json.dumps(state, indent=2, sort_keys=True, default=plain) + "\n"
