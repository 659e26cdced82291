"""The page of the speed benchmark, from made-up figures."""

import pytest

from benchmarks.speed.page import as_markdown, growth

MEASURED = {
    "command": "python -m benchmarks.speed",
    "date": "2001-02-03",
    "commit": "abc1234",
    "machine": "Linux on x86_64, 4 processors, 8 GiB",
    "versions": {"Python": "3.11.1", "keras": "3.13.1"},
    "load": [0.5, 0.25, 0.125],
}


def figures(median, **facts):
    return {**facts, "median": median, "low": median / 2, "high": median * 2, "rates": []}


def training(ours, jax=None, by_xla=None):
    of_jax = {"missing": "jax is not installed"} if jax is None else figures(jax)
    rows = [
        figures(10.0, name="reference loop (Keras)", members=1),
        figures(ours, name="ours", members=8, params="reference"),
        figures(by_xla or ours, name="ours, `jit_compile`", members=8, params="reference"),
        {"name": "JAX lax.scan", "members": 8, **of_jax},
    ]
    return {"training": {"measured": MEASURED, "figures": rows}}


def run(seconds, mib, **stages):
    return {
        "measured": MEASURED,
        "seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "start_and_end_seconds": 1.0,
        "peak_mib": mib,
        "stages": {
            name: {"seconds": s, "cpu_seconds": 2 * s, "peak_mib": m}
            for name, (s, m) in stages.items()
        },
    }


def pipeline(**runs):
    return {"pipeline": {"measured": MEASURED, "runs": {n[1:]: r for n, r in runs.items()}}}


def line(page, start):
    (found,) = [text for text in page.splitlines() if text.startswith(start)]
    return found


def test_a_member_step_is_a_step_of_one_member():
    page = as_markdown(training(ours=50.0))
    assert line(page, "| ours | 8 |") == "| ours | 8 | **50** (25 to 100) | 400 | 40 |"


@pytest.mark.parametrize(("ours", "verdict"), [(125.0, "reached."), (124.9, "**not reached**.")])
def test_the_goal_is_a_hundred_times_the_reference_per_member(ours, verdict):
    goal = line(as_markdown(training(ours=25.0, by_xla=ours)), "- Goal: 100 times")
    assert "(20 times without)" in goal
    assert goal.endswith(", " + verdict)


@pytest.mark.parametrize(("jax", "verdict"), [(50.0, "reached."), (50.1, "**not reached**.")])
def test_jax_is_the_other_goal(jax, verdict):
    page = as_markdown(training(ours=20.0, jax=jax, by_xla=50.0))
    goal = line(page, "- Goal: as fast as JAX, 8 members: **1.00 times**")
    assert "(0.40 times without)" in goal
    assert goal.endswith(verdict)


def test_a_missing_library_is_named():
    page = as_markdown(training(50.0))
    assert line(page, "| JAX lax.scan |") == "| JAX lax.scan | 8 | jax is not installed | | |"
    assert "as fast as JAX" not in page


def test_scoring_gives_the_time_of_a_call():
    rows = [
        figures(200.0, name="ours", rows=1),
        figures(1_000.0, name="XGBoost", rows=1),
    ]
    page = as_markdown({"scoring": {"measured": MEASURED, "figures": rows}})
    assert line(page, "| 1 | ours |") == "| 1 | ours | **200** (100 to 400) | 5 ms | 0.2 |"


def test_growth_is_relative_to_the_rows():
    assert growth(2.0, 20.0, 100, 1_000) == 1.0
    assert growth(2.0, 30.0, 100, 1_000) == 1.5
    assert growth(None, 30.0, 100, 1_000) is None


def test_stages_have_a_share_and_their_growth():
    small = run(10.0, 1_000.0, ingest=(2.0, 500.0), sgan=(7.0, 1_000.0))
    large = run(50.0, 20_000.0, ingest=(40.0, 20_000.0), sgan=(9.0, 1_200.0))
    page = as_markdown(pipeline(_285000=small, _2850000=large))
    times, rest = page.split("CPU time of all threads")
    cpu, memory = rest.split("Peak memory:")
    assert line(times, "| ingest |") == "| ingest | 2.0 s (20%) | 40.0 s (80%) | 2.00 |"
    assert line(times, "| start and end |").startswith("| start and end | 1.0 s (10%) |")
    assert line(cpu, "| ingest |") == "| ingest | 4.0 s (20%) | 80.0 s (80%) | 2.00 |"
    assert line(memory, "| ingest |") == "| ingest | 500 MiB | 20,000 MiB | 4.00 |"
    assert line(memory, "- Goal: CPU time from").endswith("**0.50** of linear, reached.")
    assert line(memory, "- Goal: memory from").endswith("**2.00** of linear, **not reached**.")


@pytest.mark.parametrize(("seconds", "verdict"), [(240, "reached."), (241, "**not reached**.")])
def test_285_thousand_rows_have_four_minutes(seconds, verdict):
    page = as_markdown(pipeline(_285000=run(float(seconds), 1.0)))
    assert line(page, "- Goal: 285,000 rows").endswith(", " + verdict)


@pytest.mark.parametrize(("mib", "verdict"), [(8_192, "reached."), (8_193, "**not reached**.")])
def test_2_8_million_rows_have_8_gib(mib, verdict):
    page = as_markdown(pipeline(_2800000=run(1.0, float(mib))))
    assert line(page, "- Goal: 2,800,000 rows").endswith(", " + verdict)


def test_every_part_says_how_and_when_it_was_measured():
    page = as_markdown(training(50.0) | pipeline(_50000=run(1.0, 1.0)))
    provenance = (
        "`python -m benchmarks.speed`, 2001-02-03, code abc1234; Linux on x86_64, 4 processors, "
        "8 GiB, load average 0.5, 0.2, 0.1 at the start; Python 3.11.1, keras 3.13.1."
    )
    assert page.count(provenance) == 2
    assert page.count("not measured yet.") == 2
