"""Chooses the processor that TensorFlow computes on."""

from __future__ import annotations

import tensorflow as tf

# TensorFlow does not tell, and it stays on once it is on.
_process = {"deterministic": False}


class DeviceError(RuntimeError):
    """The device that was asked for cannot be used."""


def configure(device: str = "auto", deterministic: bool = True) -> str:
    """Set TensorFlow up for a device and return the device's name for logs and tags.

    Call it once, before the first tensor is made: TensorFlow fixes its devices then. A GPU's
    memory is taken as it is needed. Calling it again with the same choice changes nothing.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu"}, default="auto"
        "auto" takes a GPU where there is one.
    deterministic : bool, default=True
        Use only kernels that give the same result every time, at some cost in speed on a GPU.
        Once on, it stays on for the process.

    Returns
    -------
    str
        "cpu", or "gpu: " and the names of the GPUs.

    Raises
    ------
    DeviceError
        If "gpu" is asked for and there is none, or if TensorFlow has already started on other
        devices.
    ValueError
        If `device` is none of the three.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device must be auto, cpu or gpu, got {device!r}")
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(
            "device: gpu was asked for, but TensorFlow sees no GPU; install the extra "
            "counterfoil[gpu] on a machine with an NVIDIA driver, or set device: cpu"
        )
    # Its ten bits of mantissa would blur the narrow bins of models.sgan.encoding.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        _process["deterministic"] = True
    _make_visible([] if device == "cpu" else gpus, gpus)
    if device == "cpu" or not gpus:
        return "cpu"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "") for gpu in gpus]
    return "gpu: " + ", ".join(name or gpu.name for name, gpu in zip(names, gpus, strict=True))


def is_deterministic() -> bool:
    """Whether `configure` made this process use deterministic kernels only."""
    return _process["deterministic"]


def _make_visible(wanted, gpus):
    if not gpus:
        return
    try:
        if tf.config.get_visible_devices("GPU") != wanted:
            tf.config.set_visible_devices(wanted, "GPU")
        for gpu in wanted:
            if not tf.config.experimental.get_memory_growth(gpu):
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise DeviceError(
            "TensorFlow has already started on other devices; choose the device in a new process"
        ) from error
