"""Lends trainers, so that a fit need not trace what an equal one before it has traced."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from models.devices import is_deterministic
from models.sgan.model import SGAN
from models.sgan.training import SGANTrainer, SGANTrainingSettings

# Tracing an epoch takes seconds; the folds of a cross-validation or the two fits of a pipeline run
# differ in their rows only. Each kept trainer holds networks, old fakes and a graph.
N_KEPT = 2
_kept: OrderedDict[tuple, SGANTrainer] = OrderedDict()
_lock = threading.Lock()


@contextmanager
def lent_trainer(
    trainer_class: type[SGANTrainer], model: SGAN, settings: SGANTrainingSettings, seed: int
) -> Iterator[SGANTrainer]:
    """Yield a trainer that starts from the weights and seeds of a model, as a new one would.

    It is a trainer that was used before where one of the same class, networks and settings is at
    hand, and no other thread has it; results do not depend on which it is. The seed of the weights
    belongs to the networks, since it deals the columns, so fits without a fixed `random_state`
    share nothing. The networks of the trainer are its own: to keep the outcome, copy `average`
    before the block ends.

    Parameters
    ----------
    trainer_class : type
        `SGANTrainer`, or one derived from it.
    model : SGAN
        Built; it is not changed.
    settings : SGANTrainingSettings
        How it is trained.
    seed : int
        Seed of every draw but dropout, which has the model's own.
    """
    key = (trainer_class, settings, *_shape_of(model))
    with _lock:
        trainer = _kept.pop(key, None)
    if trainer is None:
        trainer = trainer_class(_copy_of(model), settings, seed)
    trainer.start_from(model, seed)
    yield trainer
    with _lock:
        _kept[key] = trainer
        while len(_kept) > N_KEPT:
            _kept.popitem(last=False)


def forget_trainers() -> None:
    """Drop the kept trainers: after a change of code that they have traced, or for the memory."""
    with _lock:
        _kept.clear()


def _copy_of(model: SGAN) -> SGAN:
    """Return an SGAN of equal shape, with encoders of its own."""
    encoders = {
        name: None if encoder is None else type(encoder).from_config(encoder.get_config())
        for name, encoder in _encoders_of(model).items()
    }
    return SGAN(**model.settings, **encoders, dtype=model.dtype_policy)


def _shape_of(model: SGAN) -> tuple:
    """Return all that the graph of a model depends on, besides the training's settings."""
    encoders = [
        None if encoder is None else (type(encoder), _text(encoder.get_config()))
        for encoder in _encoders_of(model).values()
    ]
    place = model.input_mean.value.device
    # TensorFlow traces other kernels where operations must be deterministic.
    return (_text(model.settings), model.dtype_policy.name, *encoders, place, is_deterministic())


def _encoders_of(model: SGAN) -> dict:
    return {"autoencoder": model.autoencoder, "vae": model.vae}


def _text(config: dict) -> str:
    return json.dumps(config, sort_keys=True, default=str)
