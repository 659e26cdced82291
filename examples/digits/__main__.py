"""Autoencoders, VAEs, GANs and the SGAN on images of digits, each ending in a picture.

Run from the repository: ``python -m examples.digits reconstruct`` (or another subject); see
docs/digits.md for all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow

BAD_INPUT = 2
SUBJECTS = {
    "reconstruct": ("autoencoders", "test images and their reconstructions"),
    "denoise": ("autoencoders", "white pixels taken away"),
    "codes": ("autoencoders", "codes of two dimensions, by digit"),
    "grid": ("vaes", "a walk through the latent space of a VAE"),
    "sevens": ("vaes", "several draws of one seven"),
    "gan": ("gans", "samples of a dense and a convolutional GAN"),
    "labels": ("labels", "accuracy of the SGAN against the number of labelled images"),
}


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m examples.digits", description=__doc__.splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:12} {what}" for name, (_, what) in SUBJECTS.items()),
    )  # fmt: skip
    parser.add_argument("subject", choices=SUBJECTS, metavar="subject", help="one of the below")
    parser.add_argument("--out", type=Path, help="picture (default: digits_SUBJECT.png)")
    parser.add_argument("--mnist", action="store_true", help="28x28 images, downloaded by Keras")
    parser.add_argument("--small", action="store_true", help="seconds of training, for tests")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Train, print figures and write the picture; returns the exit code."""
    options = parse(arguments)
    import matplotlib as mpl

    mpl.use("Agg")
    from importlib import import_module

    from examples.digits.images import ImagesUnavailableError, load_images
    from examples.digits.pictures import save

    try:
        images = load_images(mnist=options.mnist, small=options.small)
    except ImagesUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    started = time.perf_counter()
    module, _ = SUBJECTS[options.subject]
    subject = getattr(import_module(f"examples.digits.{module}"), options.subject)
    figure, report = subject(images, options.small)
    path = options.out or Path(f"digits_{options.subject}.png")
    save(figure, path)
    print(f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images")
    print("\n".join(report))
    print(f"{path} ({time.perf_counter() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
