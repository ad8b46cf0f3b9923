"""The example on real radiographs, on drawn ones and with tiny towers: two folds and a report."""

import importlib
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from small_films import nih_tree

sys.path.append(str(Path(__file__).parent / "models"))

from tiny_models import own_pair, write_bert_tokenizer

from nast.files import manifest_of, read_table
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.records import METRICS_SCHEMA, SCORES_SCHEMA
from nast.sources.collect import read_facts

EXAMPLE = Path(__file__).parents[1] / "examples" / "real_films"


@pytest.fixture(scope="module")
def example():
    """The modules of the example; its image features come from packages that may be missing."""
    sys.path.insert(0, str(EXAMPLE))
    stand_in = type(sys)("features")
    sys.modules["features"] = stand_in
    yield {name: importlib.import_module(name) for name in ("run", "pool", "view_alone")}
    sys.path.remove(str(EXAMPLE))
    for name in ("features", "run", "pool", "view_alone"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def made(example, tmp_path_factory):
    """The folder that the example leaves."""
    root = tmp_path_factory.mktemp("films")
    nih = nih_tree(root / "nih", 160)
    out = root / "out"
    out.mkdir()
    torch.manual_seed(0)
    write_bert_tokenizer(out / "tokenizer")
    spec = own_pair(out, "films", "dinov2")
    spec["text"] |= {"tokenizer": str(out / "tokenizer"), "weights": str(out / "text.safetensors")}
    spec["image"] = {"vectors": "films.parquet", "key": "dicom_id"}
    del spec["preprocessing"]

    def vectors(facts, file):
        paths = read_facts(facts).studies["image_path"].to_list()
        found = load_model("phantom").encode_images(paths).numpy()
        pl.DataFrame({"dicom_id": [Path(p).stem for p in paths], "vector": found}).write_parquet(
            file
        )

    run = example["run"]
    run.features.main = vectors
    run.specification = lambda: spec
    run.FOLDS = 2
    run.TRAINING = {"steps": 2, "captions": 8, "claims": 2}
    run.main(nih, out)
    return out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_film_is_tested_once_by_models_that_had_not_seen_its_patient(made):
    folds = [read_facts(made / f"fold-{n}" / "facts").studies for n in (1, 2)]
    tested = [set(f.filter(split="test")["subject_id"]) for f in folds]
    assert not tested[0] & tested[1]
    assert tested[0] | tested[1] == set(folds[0]["subject_id"])
    items = read_items(made / "pooled" / "questions")
    scores = read_table(made / "pooled" / "scores" / "scores.parquet", SCORES_SCHEMA)
    for name in ("MiniLM", "LoRA uniform", "LoRA uniform @1", "view alone"):
        here = scores.filter(model=name, data="questions")
        assert set(here["item_id"]) == set(items["item_id"])
        assert not here.select("item_id", "option").is_duplicated().any()


@pytest.mark.slow
def test_pooled_accuracy_is_that_of_all_items(made):
    scores = read_table(made / "pooled" / "scores" / "scores.parquet", SCORES_SCHEMA)
    here = scores.filter(model="MiniLM", set="questions", form="negated")
    highest = pl.col("score") == pl.col("score").max()
    # A tie for the best option is never right.
    best = here.group_by("item_id").agg(
        ((pl.col("answer") & highest).any() & (highest.sum() == 1)).alias("right")
    )
    metrics = read_table(made / "pooled" / "scores" / "metrics.parquet", METRICS_SCHEMA)
    row = metrics.filter(
        model="MiniLM", set="questions", form="negated", statistic="accuracy", task="choice"
    ).filter(pl.col("reference").is_null(), pl.col("subset").is_null(), pl.col("control").is_null())
    assert row["value"][0] == pytest.approx(best["right"].mean())
    assert row["n"][0] == len(best)


@pytest.mark.slow
def test_the_readings_of_silence_stay_apart(made):
    closed = (made / "report" / "report.html").read_text()
    assert "Closed world: silence counts as absence" in closed
    judged = (made / "report-adjudicated" / "report.html").read_text()
    assert "Closed world" not in judged
    assert "world" not in manifest_of(made / "pooled-adjudicated" / "adjudicated")
    assert manifest_of(made / "pooled" / "claims")["world"] == "closed"


def test_the_view_alone_knows_shares_by_view(example):
    studies = pl.DataFrame(
        {
            "view": ["AP", "AP", "AP", "PA"],
            "Edema": ["present", "present", "absent", "absent"],
            "Fracture": ["not_mentioned"] * 4,
        }
    )
    found = example["view_alone"].shares_by_view(studies, ["Edema", "Fracture"])
    # One film of each kind is added: (2 + 1) / (3 + 2) and (0 + 1) / (1 + 2).
    assert found == {("AP", "Edema"): pytest.approx(0.6), ("PA", "Edema"): pytest.approx(1 / 3)}


def test_scores_of_folds_come_to_one_scale_and_keep_their_order(example):
    score = [0.1, 0.3, 0.2, 0.4]
    rows = {"model": "m", "data": "d", "prompts": "p", "condition": "Edema", "score": score}
    found = example["pool"]._comparable(pl.DataFrame(rows))["score"]
    assert found.mean() == pytest.approx(0) and found.std() == pytest.approx(1)
    assert found.arg_sort().to_list() == pl.Series(score).arg_sort().to_list()
