"""Losses in affirmative words, item by item, against the first model."""

import polars as pl
import pytest
from pytest import approx

from nast.measuring.no_harm import no_harm
from nast.records import SCORES_SCHEMA


def rows(model, right, hits):
    """Claim sets of two options in both forms and image queries, right where 1 stands."""
    found = []
    for number, (claim, hit) in enumerate(zip(right, hits, strict=True)):
        shared = {
            "model": model,
            "data": "d",
            "group_id": "",
            "subject": f"p{number}",
            "rank": 1.0,
            "tie": False,
            "truncated": False,
        }
        for form, good in (("negated", 0), ("affirmative", claim)):
            shared |= {"form": form, "polarity": form}
            found += [
                shared
                | {
                    "item_id": f"c{number}-{form}",
                    "task": "claims",
                    "option": o,
                    "score": float((o == 0) == bool(good)),
                    "answer": o == 0,
                }
                for o in range(2)
            ]
        found.append(
            shared
            | {
                "item_id": f"image to text {number}",
                "option": 1,
                "answer": True,
                "task": "retrieval image to text",
                "score": float(hit),
                "gallery": 5,
            }
        )
    return pl.DataFrame(found, schema=SCORES_SCHEMA)


BASE = rows("base", [1] * 20, [1, 0] * 10)
TUNED = rows("tuned", [1] * 19 + [0], [1, 0] * 10)


@pytest.mark.parametrize(("margin", "verdict"), [(0.01, "not shown"), (0.3, "not inferior")])
def test_affirmative_claims_and_retrieval(margin, verdict):
    found = {r["figure"]: r for r in no_harm(pl.concat([BASE, TUNED]), margin=margin)}
    assert set(found) == {"claims/accuracy/affirmative", "retrieval image to text/R@1/affirmative"}
    claims = found["claims/accuracy/affirmative"]
    assert (claims["value"], claims["n"]) == (approx(-1 / 20), 20)
    assert (claims["margin"], claims["verdict"]) == (margin, verdict)
    assert (claims["model"], claims["reference"]) == ("tuned", "base")
    same = found["retrieval image to text/R@1/affirmative"]
    assert same["interval"] == [0.0, 0.0] and same["verdict"] == "not inferior"


def test_one_model_has_nothing_to_lose():
    assert no_harm(BASE) == no_harm(BASE.head(0)) == []
