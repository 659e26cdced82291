"""Simulated day-ahead electricity prices: 24 hourly prices a day, in EUR/MWh.

Demand has a shape over the day, the week and the year; wind comes and stays for days, the sun
shines at noon and more in summer. What is left for other plants sets the price along a curve that
is steep at both ends, which makes spikes on calm winter evenings and negative prices on windy or
sunny Sundays. Fuel becomes dearer and cheaper over months. No two years are alike.
"""

import numpy as np
import pandas as pd

HOURS = [f"{hour:02d}:00" for hour in range(24)]
FIXED_HOLIDAYS = {(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)}


def simulate_prices(first_day, n_days, rng):
    """Daily rows of 24 prices: DataFrame of shape (n_days, 24), indexed by the day."""
    days = pd.date_range(first_day, periods=n_days, freq="D")
    season = 2 * np.pi * (days.day_of_year.to_numpy() - 1) / 365.25
    winter, summer = np.cos(season - 0.25), np.maximum(-np.cos(season), -0.3)
    wind = _lasting(n_days, 0.7, rng) + 0.35 * winter
    # The sun of a day, from overcast to clear.
    sun = (0.25 + 0.75 * rng.beta(2.0, 1.5, n_days)) * (0.55 + 0.45 * summer)
    load = _demand(days, winter) + 0.25 * _lasting(n_days, 0.8, rng)[:, None]
    wind_by_hour = wind[:, None] + 0.25 * _lasting_over_hours(n_days, 0.85, rng)
    daylight = np.exp(-0.5 * ((np.arange(24) - 12.5) / (2.6 + 0.7 * summer[:, None])) ** 2)
    left = load - 0.75 * wind_by_hour - 1.9 * sun[:, None] * daylight
    left = left + 0.12 * _lasting_over_hours(n_days, 0.6, rng)
    fuel = np.exp(0.18 * _lasting(n_days, 0.985, rng))
    prices = fuel[:, None] * _merit_order(left)
    return pd.DataFrame(prices.round(2), index=days, columns=HOURS)


def _demand(days, winter):
    """Demand by hour, about 0 on average and 1 at a usual peak: (n_days, 24)."""
    hour = np.arange(24)
    bump = lambda centre, width: np.exp(-0.5 * ((hour - centre) / width) ** 2)  # noqa: E731
    working = -1.0 + 1.5 * bump(8.5, 2.2) + 1.0 * bump(13, 3.0) + 1.5 * bump(19, 2.4)
    resting = -1.2 + 0.6 * bump(11, 3.0) + 1.2 * bump(19.5, 2.6)
    weekday = days.day_of_week.to_numpy()
    is_holiday = np.array([(day.month, day.day) in FIXED_HOLIDAYS for day in days])
    rest = np.where(is_holiday | (weekday == 6), 1.0, np.where(weekday == 5, 0.7, 0.0))[:, None]
    shape = (1 - rest) * working + rest * resting - 0.25 * rest
    return shape + winter[:, None] * (0.35 + 0.5 * bump(18.5, 1.8))


def _merit_order(left):
    """Price in EUR/MWh of what other plants must deliver."""
    scarce, surplus = np.maximum(left - 1.8, 0.0), np.maximum(-2.1 - left, 0.0)
    return 48.0 + 15.0 * left + 45.0 * scarce**1.5 - 25.0 * surplus


def _lasting(n_days, persistence, rng):
    """Autoregressive series of variance 1: (n_days,)."""
    return _autoregressive(n_days, persistence, rng)


def _lasting_over_hours(n_days, persistence, rng):
    """Autoregressive series of variance 1 that runs through midnight: (n_days, 24)."""
    return _autoregressive(24 * n_days, persistence, rng).reshape(n_days, 24)


def _autoregressive(n, persistence, rng):
    shocks = rng.normal(size=n) * np.sqrt(1 - persistence**2)
    series = np.empty(n)
    last = rng.normal()
    for i, shock in enumerate(shocks):
        series[i] = last = persistence * last + shock
    return series
