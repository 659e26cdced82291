"""The examples run as their users run them."""

import doctest
import importlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_estimators_are_compared_by_cross_validation():
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "examples.estimators"],
        cwd=REPOSITORY,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, _, *rows = done.stdout.splitlines()
    assert header == "6,000 transactions, 120 frauds, 3 folds"
    achieved = {row[:42].strip(): float(re.search(r"(0\.\d+) \+- ", row).group(1)) for row in rows}
    assert len(achieved) == 5
    # The fraud rate is 0.02: every candidate has learnt what a fraud is.
    assert min(achieved.values()) > 0.5, achieved
    assert achieved["SGAN"] > 0.7


RUN_DIGITS = """
import sys
from examples.digits.__main__ import SUBJECTS, main
for subject in SUBJECTS:
    print("== " + subject)
    code = main([subject, "--small", "--out", sys.argv[1] + "/" + subject + ".png"])
    assert code == 0
"""
# The 8x8 digits, enlarged to what Keras's MNIST looks like.
RUN_MNIST = """
import sys
import numpy as np
from keras.datasets import mnist
from sklearn.datasets import load_digits
from examples.digits.__main__ import main
images, labels = load_digits(return_X_y=True)
images = np.pad(np.kron(images.reshape(-1, 8, 8), np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
images = (images * 255 / 16).astype("uint8")
mnist.load_data = lambda: ((images[:1200], labels[:1200]), (images[1200:], labels[1200:]))
sys.exit(main(["gan", "--mnist", "--small", "--out", sys.argv[1] + "/mnist.png"]))
"""


def run_digits(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 5_000


def test_every_subject_of_the_digits_is_described():
    subjects = runpy.run_path(str(REPOSITORY / "examples/digits/__main__.py"))["SUBJECTS"]
    page = (REPOSITORY / "docs/digits.md").read_text()
    assert {name for name in subjects if f"| `{name}` |" not in page} == set()


@pytest.mark.slow
def test_every_subject_of_the_digits_ends_in_figures_and_a_picture(tmp_path):
    done = run_digits("-c", RUN_DIGITS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    subjects = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert len(subjects) == 7
    for subject, printed in subjects.items():
        assert_picture(tmp_path / f"{subject}.png")
        assert "load_digits: 400 training and 200 test images" in printed

    def figure(subject, name, column=0):
        line = next(line for line in subjects[subject].splitlines() if line.startswith(name))
        return float(line.removeprefix(name).split()[column])

    assert figure("reconstruct", "dense, 32") < 0.7 * figure("reconstruct", "mean image")
    assert figure("denoise", "dense") < 0.5 * figure("denoise", "noisy image")
    assert figure("codes", "linear autoencoder") > 0.2
    assert figure("labels", "SGAN, dense") > 0.6


@pytest.mark.slow
def test_the_digits_run_on_images_of_the_size_of_mnist(tmp_path):
    done = run_digits("-c", RUN_MNIST, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "MNIST: 400 training and 200 test images" in done.stdout
    assert_picture(tmp_path / "mnist.png")


def test_mnist_that_cannot_be_downloaded_is_said_to_be_that(tmp_path):
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = run_digits(
        "-m", "examples.digits", "grid", "--mnist", KERAS_HOME=str(tmp_path), **nowhere
    )
    assert done.returncode == 2
    assert "error: MNIST is not cached and cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (REPOSITORY / "digits_grid.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("order_book", ["200 windows", "cancel ratio ", "autoencoder, LSTM "]),
        ("electricity", ["1,461 days to learn from, 365 later days", "GAN ", "VAE "]),
        ("stock_moves", ["300 later windows", "direction ", "trend "]),
    ],
)
def test_examples_on_series_end_in_a_picture(name, lines, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # nothing is written beside the picture
    example = importlib.import_module(f"examples.{name}")
    example.main(["--small", "--out", "pictures/result.png"])
    printed = capsys.readouterr().out.splitlines()
    for start in lines:
        assert any(line.startswith(start) for line in printed), start
    assert max(map(len, printed)) <= 80
    picture = matplotlib.image.imread(tmp_path / "pictures/result.png")
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.05
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}


def test_four_years_have_a_leap_day_where_the_calendar_has_one():
    from examples.electricity import split_after_years

    for first_day, expected in (
        ("2019-01-01", 1461), ("2021-01-01", 1461), ("2020-02-29", 1461), ("1897-01-01", 1460),
    ):  # fmt: skip
        days = pd.date_range(first_day, periods=1_900, freq="D")
        daily = pd.DataFrame({"00:00": np.arange(1_900)}, index=days)
        early, later = split_after_years(daily, 4)
        assert len(early) == expected
        assert later.index[0] == early.index[-1] + pd.Timedelta(days=1)
        assert len(early) + len(later) == 1_900
    with pytest.raises(ValueError, match="expected days after 2021-01-01"):
        split_after_years(
            pd.DataFrame({"x": 0}, index=pd.date_range("2017-01-01", periods=1461)), 4
        )


def test_simulated_prices_are_as_electricity_prices_are():
    from examples.simulated_prices import simulate_prices

    prices = simulate_prices("2019-01-01", 1_826, np.random.default_rng(1))
    by_month = prices.mean(axis=1).groupby(prices.index.month).mean()
    assert by_month[1] > by_month[6]
    by_weekday = prices.mean(axis=1).groupby(prices.index.day_of_week).mean()
    assert by_weekday[6] < by_weekday[:5].min() - 5
    assert prices.iloc[:, 19].mean() > prices.iloc[:, 3].mean() + 10
    assert 0.03 < (prices < 0).any(axis=1).mean() < 0.2
    assert prices.to_numpy().max() > 120


def test_diluted_spoofing_leaves_the_cancel_ratio_as_usual():
    from examples.simulated_order_book import DILUTED, GENUINE, PLAIN, simulate_books

    books = simulate_books(1_500, spoofing_rate=0.4, rng=np.random.default_rng(0))
    usual, plain, diluted = (
        np.median(books.cancel_ratio[books.kind == kind]) for kind in (GENUINE, PLAIN, DILUTED)
    )
    assert plain > usual + 0.1
    assert diluted < usual + 0.02
    lengths = [len(window) for window in books.windows]
    assert (min(lengths), max(lengths)) == (35, 60)


@pytest.mark.slow
def test_the_examples_of_the_series_page_run():
    result = doctest.testfile(str(REPOSITORY / "docs/series.md"), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0
