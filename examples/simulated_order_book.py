"""Simulated windows of an order book, some of them with spoofing.

A window is up to a minute of one book, a row a second: depth near the price and behind it,
volumes submitted, cancelled and executed on either side, and moves of the price. Genuine books
have busy and quiet times, refreshed quotes (much is cancelled on both sides and put in again),
large patient traders and large ones who change their mind.

A spoofer puts layers of orders on one side that are not meant to trade, lets others trade against
a small order on the other side, and cancels the layers at once. A *plain* one cancels so much
that the ratio of cancelled to submitted volume shows it. A *diluted* one puts in and trades
enough besides that the ratio stays at that of a genuine window.
"""

from typing import NamedTuple

import numpy as np

N_SECONDS = 60
SHORTEST = 35
FEATURES = (
    "near bid", "near ask", "deep bid", "deep ask", "submitted bid", "submitted ask",
    "cancelled bid", "cancelled ask", "executed bid", "executed ask", "price move",
)  # fmt: skip
GENUINE, PLAIN, DILUTED = 0, 1, 2
BID_AND_ASK = 2
USUAL_DEPTH = np.array([100.0, 300.0])  # lots near the price, and behind it
LIFE_SECONDS = np.array([30.0, 60.0])  # of an order before its owner cancels it
TRADED = 5.6  # lots a second against either side
REFRESH_SHARE, PATIENT_SHARE, DOUBTING_SHARE = 0.3, 0.2, 0.1  # of windows


class Books(NamedTuple):
    """Windows of order books.

    Attributes
    ----------
    windows : list of ndarray of shape (n_seconds, 11)
        Logarithms of volumes in lots, and moves of the price in ticks.
    kind : ndarray of shape (n_windows,)
        0 genuine, 1 plain spoofing, 2 diluted spoofing.
    cancel_ratio : ndarray of shape (n_windows,)
        Volume cancelled over volume submitted in a window.
    """

    windows: list
    kind: np.ndarray
    cancel_ratio: np.ndarray


def simulate_books(n_windows, *, spoofing_rate, rng):
    """Draw windows; half of the spoofers dilute."""
    kind = np.where(rng.random(n_windows) < spoofing_rate, rng.integers(1, 3, n_windows), GENUINE)
    orders, cancels, trades = _planned(kind, rng)
    activity = np.exp(0.5 * rng.normal(size=(n_windows, 1, 1)))
    lean = 0.3 * rng.normal(size=n_windows)  # of buyers over sellers
    depth = USUAL_DEPTH * activity * np.exp(0.3 * rng.normal(size=(n_windows, BID_AND_ASK, 2)))
    usual_inflow = USUAL_DEPTH / LIFE_SECONDS + [TRADED, 0.0]
    layers = np.zeros((n_windows, BID_AND_ASK))  # planned orders that still stand, behind
    seconds = []
    for t in range(N_SECONDS):
        lean += -0.1 * lean + 0.15 * rng.normal(size=n_windows)
        submitted = rng.gamma(2.0, 0.5 * activity * usual_inflow, depth.shape)
        cancelled = depth * rng.beta(2.0, 2.0 * (LIFE_SECONDS - 1.0), depth.shape)
        cancelled += (depth - cancelled) * cancels["quotes"][t][:, None, None]
        # Quotes that were taken away come back within a second or two.
        missing = np.maximum(activity * USUAL_DEPTH - depth, 0.0)
        submitted += cancels["refilling"][t][:, None, None] * missing
        planned = orders[t] * activity[:, 0]
        gone = layers * cancels["layers"][t]
        depth = depth + submitted - cancelled
        layers = layers + planned - gone
        # Heavier books invite trades against the other side.
        pull = _imbalance(depth, layers)
        pressure = np.exp(np.stack([-1.0, 1.0]) * (0.6 * lean + 0.8 * pull)[:, None])
        wanted = (
            rng.gamma(0.7, TRADED / 0.7 * activity[:, 0] * pressure) + trades[t] * activity[:, 0]
        )
        executed = np.minimum(wanted, 0.6 * depth[:, :, 0])
        depth[:, :, 0] -= executed
        depth = np.maximum(depth, 1.0)
        flow = (executed[:, 1] - executed[:, 0]) / (executed.sum(axis=1) + 20.0)
        move = 0.5 * flow + 0.3 * pull + 0.3 * rng.normal(size=n_windows)
        submitted_on, cancelled_on = submitted.sum(axis=2) + planned, cancelled.sum(axis=2) + gone
        submitted_on += trades[t] * activity[:, 0]  # the small order that is to be executed
        seconds.append(np.column_stack(
            [depth[:, :, 0], depth[:, :, 1] + layers, submitted_on, cancelled_on, executed, move]
        ))  # fmt: skip
    return _cut(np.stack(seconds, axis=1), kind, rng)


def _cut(raw, kind, rng):
    """Cut windows to unequal lengths; spoofing ends before the shortest does."""
    n_seconds = rng.integers(SHORTEST, N_SECONDS + 1, len(raw))
    in_window = np.arange(N_SECONDS) < n_seconds[:, None]
    totals = np.sum(raw, axis=1, where=in_window[:, :, None])
    cancel_ratio = totals[:, 6:8].sum(axis=1) / totals[:, 4:6].sum(axis=1)
    values = np.concatenate([np.log1p(raw[:, :, :10]), raw[:, :, 10:]], axis=2)
    return Books([v[:n] for v, n in zip(values, n_seconds, strict=True)], kind, cancel_ratio)


def _imbalance(depth, layers):
    """From -1, all asks, to 1, all bids; nearer orders count more."""
    weight = depth[:, :, 0] + 0.3 * (depth[:, :, 1] + layers)
    return (weight[:, 0] - weight[:, 1]) / weight.sum(axis=1)


def _planned(kind, rng):
    """What traders with a plan do, by second: orders behind, what they cancel, what they trade."""
    n = len(kind)
    orders = np.zeros((N_SECONDS, n, BID_AND_ASK))
    trades = np.zeros_like(orders)
    layers = np.zeros_like(orders)
    quotes, refilling = np.zeros((N_SECONDS, n)), np.zeros((N_SECONDS, n))
    for i in range(n):
        for _ in range(rng.poisson(REFRESH_SHARE)):
            t = rng.integers(2, N_SECONDS - 3)
            quotes[t, i] = rng.uniform(0.3, 0.9)
            refilling[t + 1 : t + 3, i] = rng.uniform(0.5, 0.9)
        if rng.random() < PATIENT_SHARE:
            _patient(orders, trades, i, rng)
        if rng.random() < DOUBTING_SHARE:
            _doubting(orders, layers, i, rng)
        if kind[i] != GENUINE:
            _spoof(orders, layers, trades, i, kind[i], rng)
    return orders, {"quotes": quotes, "refilling": refilling, "layers": layers}, trades


def _patient(orders, trades, i, rng):
    """Put in large orders on one side and trade them bit by bit."""
    side, start = rng.integers(2), rng.integers(0, N_SECONDS - 20)
    orders[start : start + 5, i, side] += rng.uniform(20, 80)
    trades[start + 5 : start + 20, i, side] += rng.gamma(2.0, 4.0, 15)


def _doubting(orders, layers, i, rng):
    """Put in large orders on one side, and take them away after a while without a trade."""
    side, start = rng.integers(2), rng.integers(0, N_SECONDS - 20)
    orders[start : start + 3, i, side] += rng.uniform(40, 150)
    layers[start + rng.integers(6, 18), i, side] = 1.0


def _spoof(orders, layers, trades, i, kind, rng):
    """Layers on one side, trades on the other, and the layers are gone."""
    side = rng.integers(2)
    diluted = kind == DILUTED
    start = rng.integers(2, 8)
    for _ in range(rng.integers(1, 3)):
        held = rng.integers(4, 9)
        size = rng.uniform(40, 120) if diluted else rng.uniform(150, 500)
        orders[start : start + 3, i, side] += size
        trades[start + 3 : start + held, i, 1 - side] += rng.uniform(10, 30)
        layers[start + held, i, side] = 1.0
        start += held + rng.integers(2, 5)
    if diluted:
        # Orders that stay in the book, on both sides, and small trades among them.
        orders[:, i, :] += rng.gamma(1.0, 2.0, (N_SECONDS, 2)) * (layers[:, i, :] == 0)
        trades[:, i, :] += rng.gamma(1.0, 1.0, (N_SECONDS, 2))
