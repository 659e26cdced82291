"""The script that MLflow runs to load a packaged model ("models from code": nothing is pickled)."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel


class PackagedFraudModel(PythonModel):
    """Scores raw transactions with the packaged model among its artifacts."""

    def load_context(self, context: Any) -> None:
        """Load the packaged model."""
        from pipeline.model import folder as model_folder

        self._model = model_folder.load(Path(context.artifacts["model"]))

    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Return score and decision of raw transactions.

        Raises
        ------
        MlflowException
            If the model cannot use them: a server answers that with 400 and our message, any
            other exception without a reason.
        """
        from pipeline.errors import InputError

        try:
            return self._model.predict(model_input)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


mlflow.models.set_model(PackagedFraudModel())
