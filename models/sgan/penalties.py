"""Terms that keep an SGAN's two networks from running in circles or making one row only."""

from __future__ import annotations

import tensorflow as tf


def distance_from_average(network, average):
    """Squared distance of a network's weights from their average over training.

    The historical averaging of Salimans et al. 2016, section 3.2, with an exponential average:
    two networks that chase each other in circles are drawn to the centre.

    Parameters
    ----------
    network, average : keras.layers.Layer
        Of one shape, every weight with a leading member axis; `average` gets no gradient.

    Returns
    -------
    tensor of shape (n_members,)
    """
    pairs = zip(network.trainable_weights, average.trainable_weights, strict=True)
    return tf.add_n([_sum_of_member(tf.square(w - tf.stop_gradient(a.value))) for w, a in pairs])


def likeness(hidden):
    """Mean squared cosine between the rows of a batch: 1 where all are alike.

    The pulling-away term of Zhao, Mathieu and LeCun 2016, equation 4; a generator that is
    punished for it is rewarded for diversity.

    Parameters
    ----------
    hidden : tensor of shape (n_members, batch, units)
        What the discriminator makes of fakes; at least two rows.

    Returns
    -------
    tensor of shape (n_members,)
        In [0, 1].

    Examples
    --------
    >>> likeness(tf.constant([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [3.0, 3.0]]])).numpy().round(3)
    array([0., 1.], dtype=float32)
    """
    directions = tf.math.l2_normalize(hidden, axis=-1)
    cosines = tf.matmul(directions, directions, transpose_b=True)
    n_rows = tf.cast(tf.shape(hidden)[1], hidden.dtype)
    with_themselves = tf.reduce_sum(tf.square(tf.linalg.diag_part(cosines)), axis=1)
    squares = tf.reduce_sum(tf.square(cosines), axis=[1, 2]) - with_themselves
    return squares / (n_rows * (n_rows - 1.0))


def _sum_of_member(tensor):
    return tf.reduce_sum(tensor, axis=list(range(1, len(tensor.shape))))
