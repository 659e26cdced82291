"""Messages of native libraries stay off the terminal unless something fails."""

import os

import pytest

from pipeline.terminal import native_messages_held_back


def test_native_messages_are_held_back(capfd):
    with native_messages_held_back():
        os.write(2, b"no CUDA drivers\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def fail_with_a_message():
    with native_messages_held_back():
        os.write(2, b"the reason\n")
        raise RuntimeError


def test_they_are_shown_when_the_block_fails(capfd):
    with pytest.raises(RuntimeError):
        fail_with_a_message()
    assert "the reason" in capfd.readouterr().err
