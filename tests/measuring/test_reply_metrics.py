"""How often a chat model's reply chose nothing, by data set, form and reason."""

import polars as pl
from made_up import one, scored

from nast.measuring.measure import measure
from nast.measuring.replies import NO_CHOICE
from nast.records import REPLIES_SCHEMA


def replies(data, form, *outcomes):
    rows = [
        {
            "item_id": f"q{n}-{form}",
            "pair_id": f"q{n}",
            "model": "m (letters)",
            "data": data,
            "set": "questions",
            "form": form,
            "group_id": "g",
            "subject": f"p{n}",
            "outcome": outcome,
        }
        for n, outcome in enumerate(outcomes)
    ]
    return pl.DataFrame(rows, schema=REPLIES_SCHEMA)


def test_replies_that_choose_nothing_count_for_their_data_set():
    """Both data sets have items of one id; only the words of the second are not answered."""
    parts = [
        replies("half", "negated", "label", "label"),
        replies("half", "affirmative", "label", "label"),
        replies("other", "negated", "unparsed", "unparsed"),
        replies("other", "affirmative", "label", "cut off"),
    ]
    metrics = measure(scored(replies=pl.concat(parts), models=["m (letters)"]))
    of = {"task": "replies", "set": "questions"}
    shares = {
        (d, f): one(metrics, **of, data=d, form=f, statistic="unparsed")["value"]
        for d in ("half", "other")
        for f in ("negated", "affirmative")
    }
    assert shares == {
        ("half", "negated"): 0,
        ("half", "affirmative"): 0,
        ("other", "negated"): 1,
        ("other", "affirmative"): 0,
    }
    row = one(metrics, **of, data="other", form="affirmative", statistic="cut off")
    assert (row["value"], row["n"]) == (1 / 2, 2)
    assert metrics["statistic"].unique(maintain_order=True).to_list() == list(NO_CHOICE)
