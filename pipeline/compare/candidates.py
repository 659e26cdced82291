"""The models that are compared, with what each carries."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UsageError
from pipeline.model import folder as model_folder
from pipeline.model.evidence import Evidence, read_evidence
from pipeline.tracking.names import packaged_model

if TYPE_CHECKING:
    from pipeline.model.folder import FraudModel

FEWEST, MOST = 2, 20


@dataclass(frozen=True)
class Candidate:
    """One model of a comparison.

    Attributes
    ----------
    label : str
        "A" for the first, "B" for the second.
    name : str
        As it was named on the command line.
    manifest : mapping
        The content of model.json.
    evidence : Evidence or None
        None for a model that was packaged without, which can only be rescored.
    model : FraudModel or None
        Loaded only where rows are to be scored or explained.
    """

    label: str
    name: str
    manifest: Mapping[str, Any]
    evidence: Evidence | None
    model: FraudModel | None

    @property
    def threshold(self) -> float:
        """Lowest score that raises an alert."""
        return float(self.manifest["threshold"]["value"])

    @property
    def rule(self) -> str:
        """How the threshold was chosen."""
        return str(self.manifest["threshold"]["rule"])

    @property
    def data_sha256(self) -> str:
        """SHA-256 of the checked data that the model was made from."""
        return str(self.manifest["trained_on"]["data_sha256"])


def read_candidates(
    names: Sequence[str], root: Path, *, to_rescore: bool, to_explain: bool = False
) -> list[Candidate]:
    """Read the models of a comparison.

    Parameters
    ----------
    names : sequence of str
        As `pipeline.tracking.names.packaged_model` takes them; two to twenty.
    root : Path
        The project's folder.
    to_rescore : bool
        Whether rows are to be scored: the models are loaded, and evidence may be missing.
    to_explain : bool
        Whether reasons are to be given: the models are loaded.

    Raises
    ------
    UsageError
        If they are too few or too many, or one is named twice.
    InputError
        If one does not exist, or has no evidence.
    """
    if not FEWEST <= len(names) <= MOST:
        raise UsageError(f"compare takes {FEWEST} to {MOST} models, got {len(names)}")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UsageError(f"{twice[0]} is named twice; a model has no difference to itself")
    found = []
    for label, name in zip(string.ascii_uppercase, names, strict=False):
        with ExitStack() as stack:
            folder = stack.enter_context(packaged_model(name, root))
            found.append(_read(label, name, folder, to_rescore, to_explain))
    return found


def _read(label: str, name: str, folder: Path, to_rescore: bool, to_explain: bool) -> Candidate:
    manifest = model_folder.read_manifest(folder)
    evidence: Evidence | None = None
    try:
        evidence = read_evidence(folder)
    except InputError:
        if not to_rescore:
            raise
    model = None
    if to_rescore or to_explain:
        from pipeline.tracking.opening import open_model

        model = open_model(str(folder), folder)
    return Candidate(label, name, manifest, evidence, model)
