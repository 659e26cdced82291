"""Colours that every picture shares."""

# Okabe and Ito (2008): told apart by colour-blind readers.
METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
FRAUD = "#D62728"  # red
GENUINE = "#1F77B4"  # blue
SYNTHETIC = "#009E9E"  # teal; also told from real frauds by its marker
REFERENCE = "#666666"
ABBREVIATIONS = ("f1", "kl")
GRID = {"color": "#DDDDDD", "linewidth": 0.6}


def method_colour(index):
    """Colour of the n-th method; they repeat after seven."""
    return METHOD_COLOURS[index % len(METHOD_COLOURS)]


def add_grid(ax, axis="both"):
    """Faint grid behind the marks."""
    ax.set_axisbelow(True)
    ax.grid(axis=axis, **GRID)


def metric_label(name):
    """`validation_f1` -> `Validation F1`, `kl_loss` -> `KL loss`."""
    words = [word.upper() if word in ABBREVIATIONS else word for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def legend_above(ax):
    """Legend in two columns over the axis, where it covers no mark; returns the axis."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        borderaxespad=0.2,
        markerscale=1.5,
    )
    return ax
