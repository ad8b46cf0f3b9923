"""A head from ready image vectors to a frozen text tower is a model like any other."""

import sys
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml
from built import contextual_set
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).parent.parent / "models"))

from tiny_models import own_pair, two_tower, write_bert_tokenizer

from nast.cli import run
from nast.errors import ImageError, InputError, UsageError
from nast.files import manifest_of
from nast.models.registry import load_model
from nast.sources.collect import read_facts
from nast.training.image_head import HEAD, SPEC, fit_image_head


@pytest.fixture(scope="module")
def spec(facts, tmp_path_factory):
    """A tiny BERT with a head of its own, and the phantom model's vectors of all films."""
    folder = tmp_path_factory.mktemp("ready")
    torch.manual_seed(0)
    write_bert_tokenizer(folder / "tokenizer")
    said = own_pair(folder, "ready", "dinov2")
    paths = read_facts(facts).studies["image_path"].to_list()
    vectors = load_model("phantom").encode_images(paths)
    table = {"dicom_id": [Path(p).stem for p in paths], "vector": vectors.numpy()}
    pl.DataFrame(table).write_parquet(folder / "films.parquet")
    said["image"] = {"vectors": "films.parquet", "key": "dicom_id"}
    del said["preprocessing"]
    (folder / "films.yaml").write_text(yaml.safe_dump(said))
    return folder / "films.yaml"


@pytest.fixture(scope="module")
def contextual(facts):
    return contextual_set(facts)


@pytest.fixture(scope="module")
def fitted(spec, facts, contextual, tmp_path_factory):
    out = tmp_path_factory.mktemp("head") / "head"
    said = ["models", "fit-head", str(spec), str(facts), str(contextual), "-o", str(out)]
    assert run([*said, "--hidden", "8", "--steps", "120", "--batch", "32"]) == 0
    return out


def test_it_learns_something_of_patients_that_it_did_not_see(fitted):
    curve = pl.read_csv(fitted / "curve.csv")
    best = manifest_of(fitted)["best"]
    assert best["validation"] == curve["validation"].min()
    assert curve["step"].to_list() == list(range(20, curve["step"].max() + 1, 20))
    # Worse than the first look would be a head that only forgets.
    assert best["validation"] < curve["validation"][0]
    assert best["loss"] < curve["loss"][0]


def test_it_is_a_model_like_any_other(fitted, facts, contextual, tmp_path):
    name = f"pair=two-tower:{fitted / SPEC}"
    model = load_model(name)
    assert model.made_from == [fitted]
    assert [type(layer).__name__ for layer in model.network["image"].head] == [
        "LastDimBatchNorm",
        "Linear",
        "GELU",
        "Linear",
    ]
    assert run(["models", "check", name]) == 0
    assert run(["trace", name, str(facts), "-o", str(tmp_path / "trace")]) == 0
    train = ["train", name, str(facts), str(contextual), "-o", str(tmp_path / "run")]
    assert run([*train, "--steps", "2", "--captions", "8", "--claims", "2"]) == 0
    models = [name, f"run:{tmp_path / 'run'}@1"]
    scores = tmp_path / "scores"
    assert run(["evaluate", *models, str(contextual), "-o", str(scores)]) == 0
    assert run(["report", str(scores), "-o", str(tmp_path / "report")]) == 0
    found = pl.read_csv(tmp_path / "report" / "tables" / "table1.csv")["Model"].to_list()
    assert found[:2] == ["pair", "LoRA uniform @1"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_copy_of_it_says_the_same(fitted, facts, tmp_path):
    assert (
        run(
            [
                "models",
                "export",
                f"two-tower:{fitted / SPEC}",
                "--to",
                "hf",
                "-o",
                str(tmp_path / "copy"),
            ]
        )
        == 0
    )
    paths = read_facts(facts).studies["image_path"].to_list()[:3]
    first = load_model(f"two-tower:{fitted / SPEC}")
    second = load_model(f"two-tower:{tmp_path / 'copy' / 'SPEC.yaml'}")
    for texts in (["There is no edema."], ["Small left pleural effusion."]):
        assert torch.allclose(first.encode_texts(texts), second.encode_texts(texts), atol=1e-6)
    assert torch.allclose(first.encode_images(paths), second.encode_images(paths), atol=1e-6)


def test_the_text_tower_and_the_inputs_moments_do_not_move(spec, facts, contextual, fitted):
    state = load_file(fitted / HEAD)
    studies = read_facts(facts).studies
    captions = pl.read_parquet(contextual / "captions.parquet").filter(split="train")
    table = pl.read_parquet(spec.parent / "films.parquet")
    stems = {Path(p).stem for p in captions["image_path"]}
    used = torch.tensor(table.filter(pl.col("dicom_id").is_in(list(stems)))["vector"].to_numpy())
    assert 0 < len(used) < len(studies)
    torch.testing.assert_close(state["head.0.running_mean"], used.mean(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(state["head.0.running_var"], used.var(0, correction=0))
    assert torch.equal(state["head.0.weight"], torch.ones(used.shape[1]))


def test_the_same_call_makes_the_same_head_and_finds_it_again(spec, facts, contextual, tmp_path):
    made = []
    for name in ("one", "two"):
        fit_image_head(spec, facts, contextual, tmp_path / name, steps=40, captions=16)
        made.append((tmp_path / name / HEAD).read_bytes())
    assert made[0] == made[1]
    before = (tmp_path / "one" / HEAD).stat().st_mtime_ns
    fit_image_head(spec, facts, contextual, tmp_path / "one", steps=40, captions=16)
    assert (tmp_path / "one" / HEAD).stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="another configuration"):
        fit_image_head(spec, facts, contextual, tmp_path / "one", steps=60, captions=16)


def test_it_stops_where_validation_gains_nothing(spec, facts, contextual, tmp_path):
    """A rate that is far too high: the first looks are never beaten for long."""
    out = tmp_path / "head"
    made = fit_image_head(spec, facts, contextual, out, steps=2000, captions=16, learning_rate=3.0)
    last = pl.read_csv(out / "curve.csv")["step"].max()
    assert last == made["best"]["step"] + 200 < 2000


def test_what_cannot_be_fitted_is_refused(spec, facts, contextual, tmp_path):
    def refused(error, said, file=spec, **options):
        with pytest.raises(error, match=said):
            fit_image_head(file, facts, contextual, tmp_path / "head", **options)

    refused(UsageError, "--learning-rate is 0", learning_rate=0)
    refused(UsageError, "--steps is 0", steps=0)
    refused(InputError, "found an image encoder, expected ready vectors", two_tower("own-vit"))
    table = pl.read_parquet(spec.parent / "films.parquet").head(3)
    table.write_parquet(spec.parent / "few.parquet")
    few = yaml.safe_load(spec.read_text())
    few["image"]["vectors"] = "few.parquet"
    (spec.parent / "few.yaml").write_text(yaml.safe_dump(few))
    refused(ImageError, "no vector in .*few.parquet", spec.parent / "few.yaml")


def test_a_tokenizer_of_the_hub_that_lies_beside_is_found_from_the_new_folder_too(
    spec, facts, contextual, tmp_path
):
    said = yaml.safe_load(spec.read_text())
    said["text"]["tokenizer"] = "somebody/tokenizer"
    (spec.parent / "hub.yaml").write_text(yaml.safe_dump(said))
    fit_image_head(spec.parent / "hub.yaml", facts, contextual, tmp_path / "head", steps=20)
    text = ["There is no edema."]
    found = load_model(f"two-tower:{tmp_path / 'head' / SPEC}").encode_texts(text)
    fit_image_head(spec, facts, contextual, tmp_path / "plain", steps=20)
    plain = load_model(f"two-tower:{tmp_path / 'plain' / SPEC}").encode_texts(text)
    assert torch.equal(found, plain)


def test_a_head_that_the_specification_has_is_replaced(fitted, facts, contextual, tmp_path):
    made = fit_image_head(fitted / SPEC, facts, contextual, tmp_path / "again", steps=20)
    assert made["best"]["step"] == 20
    head = load_model(f"two-tower:{tmp_path / 'again' / SPEC}").network["image"].head
    assert [type(layer).__name__ for layer in head] == ["LastDimBatchNorm", "Linear"]
