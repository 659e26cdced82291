"""Opens a model by its name: a folder, a run, an alias or a model URI."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pipeline.model.card.card import state_sha256
from pipeline.model.folder import FraudModel, load, read_manifest
from pipeline.terminal import native_messages_held_back
from pipeline.tracking.names import TrackedModel, packaged_folder, packaged_model, pinned_model

logger = logging.getLogger(__name__)

N_HASH_DIGITS = 12


@dataclass(frozen=True)
class VersionedModel:
    """A loaded model and what its version is called in results."""

    model: FraudModel
    version: str


def open_model(name: str, root: Path) -> FraudModel:
    """Load a packaged model, and choose the device it runs on.

    Parameters, errors: as of `pipeline.tracking.names.packaged_model`.
    """
    with packaged_model(name, root) as folder:
        return _load(folder)


def open_version(name: str, root: Path) -> VersionedModel:
    """Load a packaged model with its version, on the device that was chosen for it.

    The version is ``NAME/VERSION`` of a model that was named by the registry, and of any other
    the first 12 digits of the SHA-256 that its card shows: of all files and the threshold.

    Parameters, errors: as of `pipeline.tracking.names.packaged_model`.
    """
    found = pinned_model(name, root)
    with packaged_folder(found) as folder:
        registered = found.registered_version if isinstance(found, TrackedModel) else None
        model = _load(folder)
        return VersionedModel(model, registered or state_sha256(model.manifest)[:N_HASH_DIGITS])


def _load(folder: Path) -> FraudModel:
    """Load a packaged model; TensorFlow starts only for one that is whole."""
    read_manifest(folder)
    _choose_device()
    return load(folder)


def _choose_device() -> None:
    """Take a GPU where there is one, but only the memory of it that scoring needs."""
    with native_messages_held_back():
        from models import devices

        try:
            device = devices.configure("auto", deterministic=True)
        except devices.DeviceError as error:
            # This process has used TensorFlow before; that device does as well.
            device = f"as it was ({error})"
    logger.debug("device: %s", device)
