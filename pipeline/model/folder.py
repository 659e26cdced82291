"""The packaged model: a folder with everything that turns raw transactions into decisions.

::

    model.json      format, schema, threshold, calibration, baseline, SHA-256 of the other files
    scaler.skops    as `scale` fitted it
    classifier/     as `SGANClassifier.save` wrote it: members and encoders, `.keras`
    evidence/       scored rows and figures, for `counterfoil compare` (pipeline/model/evidence.py)

Loading runs no code of the folder: files are compared with their hashes, archives may hold known
members and classes only (pipeline/model/archives.py), and skops and Keras load in their safe modes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.files.atomic import file_sha256, read_json, write_json
from pipeline.files.version import version
from pipeline.model.archives import check_keras_archive, check_names, check_scaler_archive

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from evaluation.calibration import LogisticCalibration
    from features.row_checks import RowProblem
    from features.schema import TransactionSchema

FORMAT_VERSION = 2  # a change of what is packaged raises it; tests keep a model of each format
READABLE_FORMATS = (1, 2)  # 1 names the modules that the classes of the networks had before
MANIFEST = "model.json"
SCALER_FILE = "scaler.skops"
CLASSIFIER_FOLDER = "classifier"
NEEDED = (SCALER_FILE, f"{CLASSIFIER_FOLDER}/classifier.json", f"{CLASSIFIER_FOLDER}/sgan.keras")
ROWS_PER_PASS = 100_000  # scaled rows of a pass take about 12 MB at 30 inputs
MAX_SHOWN = 5
NO_LABEL = ""  # no table that was read has a column without a name


@dataclass(frozen=True)
class FraudModel:
    """Scaler, classifier, calibration and threshold, ready to score raw transactions.

    Attributes
    ----------
    schema : TransactionSchema
        Which columns the model needs: `schema.inputs`.
    scaler, classifier : fitted estimators
        Raw inputs to scaled rows, scaled rows to probabilities.
    calibration : LogisticCalibration
        From the classifier's probability to the score.
    threshold : float in [0, 1]
        A score of at least this much is an alert.
    manifest : mapping
        The content of model.json.
    """

    schema: TransactionSchema
    scaler: Any
    classifier: Any
    calibration: LogisticCalibration
    threshold: float
    manifest: Mapping[str, Any]

    def predict(self, transactions: pd.DataFrame, *, first_row: int = 1) -> pd.DataFrame:
        """Score raw transactions.

        Parameters
        ----------
        transactions : DataFrame of shape (n_rows, n_columns)
            Holds at least the columns `schema.inputs`, in any order; others are ignored.
        first_row : int
            What messages call the first row.

        Returns
        -------
        DataFrame of shape (n_rows, 2)
            `score`, float64, the probability of fraud; `decision`, int64, 1 where the score is
            at least the threshold. The index is that of `transactions`.

        Raises
        ------
        InputError
            If a column is missing or twice there, or a value is missing or no finite number.
        """
        import numpy as np
        import pandas as pd

        inputs = self.checked_inputs(transactions, first_row)
        passes = [
            self._score(inputs.iloc[start : start + ROWS_PER_PASS])
            for start in range(0, len(inputs), ROWS_PER_PASS)
        ]
        score = np.concatenate([np.empty(0), *passes])
        decision = (score >= self.threshold).astype(np.int64)
        return pd.DataFrame({"score": score, "decision": decision}, index=transactions.index)

    def scaled(self, transactions: pd.DataFrame) -> np.ndarray:
        """Return raw transactions as the classifier sees them; errors as of `predict`.

        float32 ndarray of shape (n_rows, n_scaled)
        """
        return self._scale(self.checked_inputs(transactions))

    def checked_inputs(self, transactions: pd.DataFrame, first_row: int = 1) -> pd.DataFrame:
        """Return the model's columns, in the types of `ingest`; errors as of `predict`."""
        from features.row_checks import check_rows

        check_columns([str(name) for name in transactions.columns], self.schema.inputs)
        inputs = list(self.schema.inputs)
        # The checks are those of `ingest`, which want a label; nobody has one when scoring.
        unlabelled = replace(self.schema, time=None, label=NO_LABEL)
        table, problems = check_rows(transactions[inputs].assign(**{NO_LABEL: 0}), unlabelled)
        if problems:
            raise InputError(_describe(problems, first_row))
        return table[inputs]

    def _scale(self, inputs: pd.DataFrame) -> np.ndarray:
        import numpy as np

        scaled: np.ndarray = np.asarray(self.scaler.transform(inputs), dtype=np.float32)
        return scaled

    def _score(self, inputs: pd.DataFrame) -> np.ndarray:
        """Return the calibrated probability of fraud of checked rows."""
        fraud_column = list(self.classifier.classes_).index(1)
        raw = self.classifier.predict_proba(self._scale(inputs))[:, fraud_column]
        score: np.ndarray = self.calibration.apply(raw)
        return score


def save(
    folder: Path,
    *,
    scaler_file: Path,
    classifier: Any,
    schema: TransactionSchema,
    calibration: LogisticCalibration,
    threshold: float,
    threshold_rule: str,
    threshold_values: Mapping[str, float] | None = None,
    trained_on: Mapping[str, Any],
    write_more: Callable[[Path], None] | None = None,
    baseline: Mapping[str, Any] | None = None,
) -> None:
    """Write the packaged model; equal models give equal bytes.

    Parameters
    ----------
    folder : Path
        Does not exist yet.
    scaler_file : Path
        ``scaler.skops`` of the stage `scale`; copied.
    classifier : object with ``save(folder)``
        A fitted `SGANClassifier`.
    schema : TransactionSchema
        Of the raw transactions.
    calibration : LogisticCalibration
        Fitted on validation rows.
    threshold : float in [0, 1]
        On the calibrated score.
    threshold_rule : str
        How it was chosen, e.g. "f1" (see `pipeline.model.threshold_rule`).
    threshold_values : mapping of str to float, optional
        The values of that rule, e.g. ``{"precision": 0.9}``.
    trained_on : mapping
        Where the model comes from: data SHA-256, rows, frauds, parameters worth keeping.
    write_more : callable, optional
        Called with the folder before its files are hashed.
    baseline : mapping, optional
        Raw value of each input of a made-up typical genuine transaction (`features.baseline`),
        with which reasons compare; without it the model gives no reasons.
    """
    folder.mkdir(parents=True)
    shutil.copyfile(scaler_file, folder / SCALER_FILE)
    classifier.save(folder / CLASSIFIER_FOLDER)
    if write_more is not None:
        write_more(folder)
    manifest = {
        "format_version": FORMAT_VERSION,
        "counterfoil_version": version(),
        "schema": asdict(schema),
        "inputs": list(schema.inputs),
        "threshold": {
            "value": float(threshold),
            "rule": threshold_rule,
            "values": dict(threshold_values or {}),
        },
        "calibration": calibration.to_dict(),
        "trained_on": dict(trained_on),
        "baseline": None if baseline is None else dict(baseline),
        "files": {_name(path, folder): file_sha256(path) for path in _files(folder)},
    }
    write_json(manifest, folder / MANIFEST)


def load(folder: Path) -> FraudModel:
    """Read a packaged model.

    Raises
    ------
    InputError
        If the folder holds no packaged model, one of another format, a file that is missing or
        was changed, or one that holds more than Counterfoil writes.
    """
    manifest = read_manifest(folder)
    # All of it before the first file is loaded.
    check_names(folder, manifest["files"], NEEDED)
    check_scaler_archive(folder / SCALER_FILE)
    for path in sorted((folder / CLASSIFIER_FOLDER).glob("*.keras")):
        check_keras_archive(path)
    from evaluation.calibration import LogisticCalibration
    from features.schema import TransactionSchema

    with _refusing_strange_content(folder):
        return FraudModel(
            schema=TransactionSchema.from_dict(manifest["schema"]),
            scaler=_load_scaler(folder / SCALER_FILE),
            classifier=_load_classifier(folder / CLASSIFIER_FOLDER),
            calibration=LogisticCalibration.from_dict(manifest["calibration"]),
            threshold=_threshold(manifest),
            manifest=manifest,
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return model.json after comparing every file with its SHA-256."""
    try:
        manifest = read_json(folder / MANIFEST)
        found = manifest["format_version"]
        files = dict(manifest["files"])
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no packaged model: expected {MANIFEST} in it, as the stage evaluate "
            "writes it to artifacts/evaluate/model"
        ) from None
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / MANIFEST} is damaged ({error!r}); run the stage evaluate again"
        ) from error
    if found not in READABLE_FORMATS:
        raise InputError(
            f"{folder} has the model format {found}, this version of Counterfoil reads "
            f"{' and '.join(map(str, READABLE_FORMATS))}; run the stage evaluate again, or install "
            f"the version that wrote it ({manifest.get('counterfoil_version')})"
        )
    check_names(folder, files)
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} lacks {name}; copy the whole folder again")
        if file_sha256(path) != expected:
            raise InputError(
                f"{path} is not the file that was saved (its SHA-256 differs from {MANIFEST}); "
                "copy the folder again or run the stage evaluate"
            )
    return manifest


def check_columns(columns: list[str], inputs: tuple[str, ...]) -> None:
    """Refuse a table that lacks inputs of a model, or has one twice."""
    missing = [name for name in inputs if name not in columns]
    twice = [name for name in inputs if columns.count(name) > 1]
    if missing:
        raise InputError(
            f"the model needs columns that are not there: {_listing(missing)}; the table has "
            f"{_listing(columns)}; name and scale the columns as in the training data"
        )
    if twice:
        raise InputError(f"columns named twice: {_listing(twice)}; keep one of each")


def _describe(problems: list[RowProblem], first_row: int) -> str:
    """Say which values the model cannot use, where they are and what to do."""
    lines = [
        f"column {problem.column}: {problem.reason} in {len(problem.rows)} rows, first in row "
        f"{problem.rows[0] + first_row:,} ({problem.received}); expected {problem.expected}"
        for problem in problems[:MAX_SHOWN]
    ]
    more = [f"{len(problems) - MAX_SHOWN} more of this kind"] * (len(problems) > MAX_SHOWN)
    cure = "fill the values in, or leave those rows out"
    return "\n".join([*lines, *more, cure])


@contextmanager
def _refusing_strange_content(folder: Path) -> Iterator[None]:
    """Name the folder where its content is readable, but not what a model consists of."""
    try:
        yield
    except InputError:
        raise
    except (
        ArithmeticError, AttributeError, ImportError, IndexError, KeyError, OSError,
        RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        reason = str(error).partition("\n")[0][:300]
        raise InputError(
            f"{folder} holds no model that this version reads ({type(error).__name__}: {reason}); "
            "it is damaged or was not written by Counterfoil: copy it again, or run the stage "
            "evaluate again"
        ) from error


def _threshold(manifest: Mapping[str, Any]) -> float:
    threshold = float(manifest["threshold"]["value"])
    if not 0 <= threshold <= 1:
        raise ValueError(f"the threshold must be from 0 to 1, got {threshold}")
    return threshold


def _load_scaler(path: Path) -> Any:
    from pipeline.model.scaler import load_scaler

    return load_scaler(path)


def _load_classifier(folder: Path) -> Any:
    from models.classifier import SGANClassifier

    return SGANClassifier.load(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more
