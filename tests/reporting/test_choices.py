"""Choices are those of the data set that an item is of, whatever ids meet in two of them."""

import polars as pl
from evaluated import data_folder, evaluated, record
from made_up import choices, item, items_of

from nast.reporting.choices import shown_choices


def test_equal_ids_of_two_data_sets_are_kept_apart(tmp_path):
    """One item id, two data sets, another option chosen in each."""
    made = {}
    for name, pick in (("a", 1), ("b", 2)):
        items = items_of([item("q", form, answer=0) for form in ("negated", "affirmative")])
        folder = data_folder(tmp_path / name, items.with_columns(stem=pl.lit(name)))
        picks = {"q-negated": pick, "q-affirmative": pick}
        scores = choices(items, picks, "m")
        scored = evaluated(tmp_path / f"s-{name}", [folder], [record("m")], scores=scores)
        made[name] = (folder, scored)
    folders, evaluations = zip(*made.values(), strict=True)
    found = [chosen["option"].to_list() for _, chosen in shown_choices(evaluations, folders, ["m"])]
    assert found == [[1, 1], [2, 2]]
    assert all(not len(chosen) for _, chosen in shown_choices(evaluations, folders, ["other"]))


def test_a_tie_is_no_choice_and_the_first_seed_speaks(tmp_path):
    items = items_of([item("q"), item("r")])
    folder = data_folder(tmp_path / "d", items)
    scores = pl.concat(
        [
            choices(items, {"q-negated": None, "r-negated": 3}, "m", 0),
            choices(items, {"q-negated": 1, "r-negated": 1}, "m", 1),
        ]
    )
    records = [record("m", seed, f"run-{seed}") for seed in (0, 1)]
    scored = evaluated(tmp_path / "s", [folder], records, scores=scores)
    ((_, chosen),) = shown_choices([scored], [folder], ["m"])
    assert dict(chosen.select("item_id", "option").rows()) == {"q-negated": None, "r-negated": 3}
    assert dict(chosen.select("item_id", "margin").rows()) == {"q-negated": 0.0, "r-negated": 1.0}
