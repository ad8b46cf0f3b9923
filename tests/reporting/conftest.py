"""A finished evaluation of three made-up models, and runs, without any model."""

import numpy as np
import polars as pl
import pytest
from evaluated import data_folder, evaluated, record
from made_up import choices, item, items_of

from nast.files import read_table, write_json, write_text
from nast.records import METRICS_SCHEMA
from nast.stages import stage

SKILL = {"base": (0.3, 0.7), "LoRA uniform": (0.7, 0.8), "NAST (lr)": (0.95, 0.85)}
"""Model -> chance of a right answer in the negated and in the affirmative form."""
FORMS = ("negated", "affirmative")
NUMBER = 40


@pytest.fixture(scope="session")
def items():
    """Claim sets of five and questions of four, in balanced groups."""
    return items_of(
        item(
            f"{name[0]}{number}",
            form,
            name,
            options=[f"{form} {option}" for option in range(k)],
            group_id=f"g{number // k}",
            subject_id=f"p{number}",
        )
        for name, k in (("claims", 5), ("questions", 4))
        for number in range(NUMBER)
        for form in FORMS
    )


@pytest.fixture(scope="session")
def scores(items):
    """Scores of all models, the base first; the two others have a seed."""
    parts = []
    for model, skill in SKILL.items():
        picks = {}
        for name in ("c", "q"):
            rng = np.random.default_rng(len(model))
            for number in range(NUMBER):
                for form, right in zip(FORMS, skill, strict=True):
                    picks[f"{name}{number}-{form}"] = 0 if rng.random() < right else 1
        parts.append(choices(items, picks, model, None if model == "base" else 0))
    return pl.concat(parts)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Run folders of two seeds of uniform LoRA and one of NAST, whose names say nothing."""
    root = tmp_path_factory.mktemp("runs")
    flat, steep = [1 / 12] * 12, [0.5, 0.3, 0.2, *[0.0] * 9]
    settings = {"a": ("uniform", 0, flat), "b": ("uniform", 1, flat), "c": ("nast/cue", 0, steep)}
    for name, (layers, seed, shares) in settings.items():
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

        config = {"stage": "train", "objective": "nast", "layers": layers, "mode": "lr"}
        stage(root / name, {**config, "seed": seed, "steps": 5}, [], make)
    return [root / name for name in settings]


@pytest.fixture(scope="session")
def records(runs):
    """What the manifest of the evaluation says of its models."""
    return [
        record("base", key="0"),
        record("LoRA uniform", 0, runs[0], "1"),
        record("NAST (lr)", 0, runs[2], "2", layers="nast/cue"),
    ]


@pytest.fixture(scope="session")
def evaluation(items, scores, records, tmp_path_factory):
    """A folder as `nast evaluate` leaves it."""
    root = tmp_path_factory.mktemp("reporting")
    data = data_folder(root / "d", items)
    return evaluated(root / "scores", [data], records, scores=scores)


@pytest.fixture(scope="session")
def metrics(evaluation):
    """The metrics of the evaluation."""
    return read_table(evaluation / "metrics.parquet", METRICS_SCHEMA)
