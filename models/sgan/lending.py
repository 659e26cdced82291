"""Lends trainers, so that a fit need not trace what an equal one before it has traced."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

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
    hand, and no other thread has it; results do not depend on which it is. Its networks are its
    own: whoever wants to keep the outcome copies `average` before the block ends.

    Parameters
    ----------
    trainer_class : type
        `SGANTrainer`, or one derived from it.
    model : SGAN
        Built; it is not changed.
    settings : SGANTrainingSettings
        How it is trained.
    seed : int
        Of every draw but dropout, which has the model's own.
    """
    key = (trainer_class, _shape_of(model), settings)
    with _lock:
        trainer = _kept.pop(key, None)
    if trainer is None:
        trainer = trainer_class(SGAN.from_config(model.get_config()), settings, seed)
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


def _shape_of(model: SGAN) -> str:
    """Return all that the graph of a model depends on, its device included."""
    config = json.dumps(model.get_config(), sort_keys=True, default=str)
    return f"{config} {model.input_mean.value.device}"
