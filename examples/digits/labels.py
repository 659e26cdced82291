"""The SGAN on digits: how accurate it is with how few labelled images."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from sklearn.neighbors import KNeighborsClassifier

from models.multiclass import MulticlassSGANClassifier

WANTED = 0.9  # accuracy
EPOCHS = 10
COLOURS = {"dense": "#0072b2", "convolutional": "#d55e00"}
NEIGHBOUR = "nearest labelled image"


def to_tanh(rows):
    """Pixels in [0, 1] as the generator's tanh makes them."""
    return 2.0 * rows - 1.0


def networks(images, small=False):
    """Arguments of `MulticlassSGANClassifier` by body."""
    common = {"output_activation": "tanh", "steps_per_epoch": 20 if small else 100}
    if images.is_large:
        return {
            "dense": {**common, "noise_dim": 100, "generator_units": (256, 512),
                      "discriminator_units": (512, 256)},
            "convolutional": {**common, "noise_dim": 100, "image_shape": images.shape,
                              "kernel_size": 5, "generator_units": (64, 32),
                              "discriminator_units": (32, 64)},
        }  # fmt: skip
    return {
        "dense": common,
        "convolutional": {**common, "image_shape": images.shape, "generator_units": (64, 32),
                          "discriminator_units": (32, 64)},
    }  # fmt: skip


def candidates(images, seed, small):
    """SGAN and supervised net of each body, by name."""
    found = {}
    for body, arguments in networks(images, small).items():
        for kind, weight in (("SGAN", 1.0), ("supervised", 0.0)):
            found[f"{kind}, {body}"] = MulticlassSGANClassifier(
                **arguments, n_members=1, epochs=2 if small else EPOCHS, unsupervised_weight=weight,
                random_state=seed,
            )  # fmt: skip
    return found


def choose_labelled(labels, n_labelled, rng):
    """Labels of which all but `n_labelled`, equally many of each digit, are -1."""
    shown = np.full(len(labels), -1)
    for digit in range(10):
        of_digit = rng.permutation(np.flatnonzero(labels == digit))[: n_labelled // 10]
        shown[of_digit] = digit
    return shown


def measure(images, counts, n_seeds, small=False):
    """Accuracy on the test images; dict of (name, count) to an array of one figure a seed."""
    X, X_test = to_tanh(images.train), to_tanh(images.test)
    figures = {}
    for n_labelled in counts:
        for seed in range(n_seeds):
            shown = choose_labelled(images.train_labels, n_labelled, np.random.default_rng(seed))
            is_shown = shown >= 0
            neighbour = KNeighborsClassifier(1).fit(X[is_shown], shown[is_shown])
            fitted = {NEIGHBOUR: neighbour}
            for name, classifier in candidates(images, seed, small).items():
                fitted[name] = classifier.fit(X, shown)
            for name, classifier in fitted.items():
                accuracy = classifier.score(X_test, images.test_labels)
                figures.setdefault((name, n_labelled), []).append(accuracy)
    return {key: np.array(values) for key, values in figures.items()}


def labels(images, small, *, counts=(20, 50, 100), n_seeds=3):
    """Accuracy against the number of labelled images, of the SGAN and of a supervised net."""
    counts, n_seeds = ((50,), 1) if small else (counts, n_seeds)
    figures = measure(images, counts, n_seeds, small)
    names = list(dict.fromkeys(name for name, _ in figures))
    figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    report = [
        f"accuracy on {len(images.test)} test images, mean of {n_seeds} choices of the labelled "
        "ones", "(smallest to largest)", f"{'labelled images':26}"
        + "".join(f"{n:>20}" for n in counts),
    ]  # fmt: skip
    for name in names:
        of_name = [figures[name, n] for n in counts]
        report.append(f"{name:26}" + "".join(
            f"{v.mean():8.3f} ({v.min():.2f}-{v.max():.2f})"[:20].rjust(20) for v in of_name
        ))  # fmt: skip
        _draw(ax, name, counts, of_name)
    ax.axhline(WANTED, color="0.6", linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel="Labelled images", ylabel="Accuracy on test images")
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    return figure, report


def _draw(ax, name, counts, of_name):
    kind, _, body = name.partition(", ")
    style = {"marker": "o", "markersize": 4, "color": COLOURS.get(body, "0.4"),
             "linestyle": {"SGAN": "-", "supervised": "--"}.get(kind, "-.")}  # fmt: skip
    ax.plot(counts, [values.mean() for values in of_name], label=name, **style)
    low, high = ([f(values) for values in of_name] for f in (np.min, np.max))
    ax.fill_between(counts, low, high, color=style["color"], alpha=0.12, linewidth=0)
