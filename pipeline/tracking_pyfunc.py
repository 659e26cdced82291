"""The script that MLflow runs to load a packaged model ("models from code": nothing is pickled)."""

from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel


class PackagedFraudModel(PythonModel):
    """Scores raw transactions with the packaged model among its artifacts."""

    def load_context(self, context: Any) -> None:
        """Load the packaged model."""
        from pipeline import model_folder

        self._model = model_folder.load(Path(context.artifacts["model"]))

    # MLflow would take type hints for a schema, in place of the signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Return score and decision of raw transactions."""
        return self._model.predict(model_input)


mlflow.models.set_model(PackagedFraudModel())
