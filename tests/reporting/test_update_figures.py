"""Update shares over steps, by hand."""

import polars as pl
import pytest
from pytest import approx

from nast.files import write_json, write_text
from nast.reporting.update_figures import draw_updates, mean_paths, share_paths


def run_of(folder, steps, layers=6):
    """A run folder with the parameters' norms of blocks 1, 2, ...; B A moves from step 2 on."""
    rows = [
        f"{step},{block},{norm},{norm * (step > 1)},{2 * norm}"
        for step, norms in enumerate(steps, 1)
        for block, norm in enumerate(norms, 1)
    ]
    lines = ["step,block,parameters,product,gradient", *rows]
    write_text(folder / "updates.csv", "\n".join(lines) + "\n")
    write_json(folder / "updates.json", {"parameters": [1 / layers] * layers})
    return folder


@pytest.fixture
def run(tmp_path):
    """Five of six blocks have LoRA."""
    return run_of(tmp_path / "cue#0", [[5, 2, 1, 1, 1], [0, 0, 0, 5, 5]])


def column(table, step, measure="parameters"):
    return dict(table.filter(step=step).select("blocks", measure).iter_rows())


def test_shares_add_up_over_steps(run):
    table = share_paths(run)
    assert column(table, 1) == approx(
        {"1": 0.5, "2": 0.2, "3": 0.1, "4": 0.1, "5": 0.1, "6": 0, "top 3": 0.8, "top 5": 1}
    )
    # 5, 2, 1, 6 and 6 of 20: other blocks lead than in step 1.
    assert column(table, 2) == approx(
        {"1": 0.25, "2": 0.1, "3": 0.05, "4": 0.3, "5": 0.3, "6": 0, "top 3": 0.85, "top 5": 1}
    )
    assert column(table, 2, "gradient") == approx(column(table, 2))
    assert set(column(table, 1, "product").values()) == {0}, "nothing has moved yet"
    assert column(table, 2, "product") == approx(
        {"1": 0, "2": 0, "3": 0, "4": 0.5, "5": 0.5, "6": 0, "top 3": 1, "top 5": 1}
    )


def test_seeds_are_averaged_on_common_steps(run, tmp_path):
    other = run_of(tmp_path / "cue#1", [[2, 2, 2, 2, 2]])
    mean = mean_paths([run, other])
    assert set(mean["step"]) == {1} and set(mean["seeds"]) == {2}
    found = column(mean, 1)
    assert found["1"] == approx(0.35) and found["2"] == approx(0.2)
    assert found["top 3"] == approx(0.7)


def test_the_top_is_taken_before_the_mean(tmp_path):
    runs = [
        run_of(tmp_path / f"p#{i}", [norms])
        for i, norms in enumerate(([6, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 6]))
    ]
    assert column(mean_paths(runs), 1)["top 3"] == approx(0.8)


def test_the_figure_and_its_numbers(run, tmp_path):
    flat = run_of(tmp_path / "uniform#0", [[1] * 12] * 3, layers=12)
    path = draw_updates({"cue": [run], "uniform": [flat]}, tmp_path / "figures")
    assert {p.name for p in path.parent.iterdir()} == {
        f"update_shares.{kind}" for kind in ("svg", "png", "pdf", "csv")
    }
    assert path.read_text().count("<svg") == 1
    table = pl.read_csv(path.with_suffix(".csv"))
    assert dict(table.group_by("model").len().iter_rows()) == {
        "cue": 2 * (6 + 2),
        "uniform": 3 * (12 + 2),
    }
    tops = table.filter(model="uniform", blocks="top 5")["parameters"]
    assert tops.to_list() == approx([5 / 12] * 3)
