"""What the examples on series share: their two options, and how a picture is saved."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt


def read_options(description, picture, arguments=None):
    """Return the options `small` (bool) and `out` (Path of the picture)."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a smoke test of some seconds")
    parser.add_argument("--out", type=Path, default=Path("artifacts/examples") / picture)
    return parser.parse_args(arguments)


def save_picture(figure, path):
    """Write a figure, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
