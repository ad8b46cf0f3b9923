"""A finished evaluation of three made-up models, without any model."""

import numpy as np
import polars as pl
import pytest

from nast.files import write_json, write_table, write_text
from nast.folders import stage
from nast.measuring.metrics import by_label, metrics_of
from nast.measuring.no_harm import no_harm
from nast.records import SCORES_SCHEMA

SKILL = {"base": (0.3, 0.7), "LoRA uniform": (0.7, 0.8), "NAST (lr)": (0.95, 0.85)}
"""Model -> chance of a right answer in the negated and in the affirmative form."""


def choice_rows(model, task, k, items=40):
    rng = np.random.default_rng(len(model))
    for number in range(items):
        for form, skill in zip(("negated", "affirmative"), SKILL[model], strict=True):
            best = 0 if rng.random() < skill else 1
            name = f"c{number}-{form}" if task == "claims" else f"q{number}"
            for option in range(k):
                yield {
                    "item_id": name,
                    "model": f"{model}#0" if model != "base" else model,
                    "data": "d",
                    "task": task,
                    "polarity": form,
                    "form": form,
                    "group_id": f"g{number // k}",
                    "subject": f"p{number}",
                    "option": option,
                    "score": float(option == best),
                    "rank": 1.0 if option == best else 3.0,
                    "answer": option == 0,
                    "tie": False,
                    "truncated": False,
                }


@pytest.fixture(scope="session")
def scores():
    """Scores of all models, the base first."""
    rows = [
        r
        for model in SKILL
        for task, k in (("claims", 5), ("questions", 4))
        for r in choice_rows(model, task, k)
    ]
    return pl.DataFrame(rows, schema=SCORES_SCHEMA)


@pytest.fixture(scope="session")
def metrics(scores):
    """The figures of each model, in the order of the scores."""
    return {name: metrics_of(part) for name, part in by_label(scores)}


@pytest.fixture(scope="session")
def evaluation(scores, metrics, tmp_path_factory):
    """A folder as `nast evaluate` leaves it."""
    folder = tmp_path_factory.mktemp("reporting") / "scores"

    def make(out):
        write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
        write_json(out / "metrics.json", metrics)
        write_json(out / "no_harm.json", no_harm(scores))
        return {"counts": {"rows": len(scores)}, "data": {"d": {"claims": "1", "questions": "1"}}}

    config = {"stage": "evaluate", "models": dict.fromkeys(SKILL, "key"), "margin": 0.01}
    stage(folder, config, [], make)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Run folders of two seeds of uniform LoRA and one of NAST."""
    root = tmp_path_factory.mktemp("runs")
    flat, steep = [1 / 12] * 12, [0.5, 0.3, 0.2, *[0.0] * 9]
    policies = {"LoRA uniform#0": flat, "LoRA uniform#1": flat, "NAST (lr)#0": steep}
    folders = []
    for name, shares in policies.items():
        measures = dict.fromkeys(("parameters", "product", "gradient"), shares)

        def make(out, measures=measures):
            write_json(out / "updates.json", measures)
            rows = [
                f"{step},{block},{share},{share},{share}"
                for step in (1, 2)
                for block, share in enumerate(measures["gradient"], 1)
            ]
            lines = ["step,block,parameters,product,gradient", *rows]
            write_text(out / "updates.csv", "\n".join(lines) + "\n")
            return {"counts": {}}

        stage(root / name, {"stage": "train", "steps": 5}, [], make)
        folders.append(root / name)
    return folders
