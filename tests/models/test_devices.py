"""The choice of a device; in fresh processes, since TensorFlow fixes it once."""

import subprocess
import sys

import pytest
import tensorflow as tf

from models.devices import DeviceError, configure

HAS_GPU = bool(tf.config.list_physical_devices("GPU"))


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_cpu_is_deterministic_and_may_be_chosen_twice():
    answer = run(
        "import sys; from models.devices import configure; import tensorflow as tf; "
        "from tensorflow.python.framework import config; "
        "names = [configure('cpu', True) for _ in range(2)]; tf.constant(1); "
        "names.append(configure('cpu', True)); "
        "sys.stdout.write(f'{names} {config.is_op_determinism_enabled()} "
        '{len(tf.config.get_visible_devices("GPU"))}\')'
    )
    assert answer.stdout == "['cpu', 'cpu', 'cpu'] True 0", answer.stderr[-500:]


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_auto_falls_back_to_the_cpu():
    assert configure("auto", deterministic=False) == "cpu"


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_a_missing_gpu_says_what_to_do():
    with pytest.raises(DeviceError, match=r"counterfoil\[gpu\].*set device: cpu"):
        configure("gpu")


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
def test_a_gpu_is_named_and_its_memory_grows():
    answer = run(
        "import sys; from models.devices import configure; import tensorflow as tf; "
        "name = configure('auto'); gpu = tf.config.list_physical_devices('GPU')[0]; "
        "sys.stdout.write(f'{name} {tf.config.experimental.get_memory_growth(gpu)}')"
    )
    assert answer.stdout.startswith("gpu: "), answer.stderr[-500:]
    assert answer.stdout.endswith(" True")


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="auto, cpu or gpu"):
        configure("tpu")
