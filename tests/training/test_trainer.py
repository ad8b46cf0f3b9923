"""Runs of the trainer on a tiny model: what moves, what stays, what is written."""

import json
import shutil
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from built import contextual_set, resealed
from peft import PeftModel
from pytest import approx

from nast.errors import InputError, ModelError, NastError, UsageError
from nast.evaluation import evaluate
from nast.files import manifest_of
from nast.layers import LayerWeights, uniform
from nast.models.registry import load_model
from nast.stages import stage
from nast.training.lora import lora_by_layer
from nast.training.run import STATE, build_run
from nast.training.train import train
from nast.training.train_config import TrainConfig
from nast.training.trainer import fine_tune
from nast.training.validation import claim_figures, validation_of
from nast.vectors import Vectors

CONFIG = TrainConfig(steps=5, captions=4, claims=3)
PROFILE = LayerWeights([1.0, 0.5, 0.0, 0.1], [2.5, 1.25, 0.0, 0.25])


def weights_of(model):
    named = lora_by_layer(model.network).values()
    return torch.cat([p.detach().flatten() for group in named for p in group.values()])


def test_same_seed_same_weights_and_losses_fall(tiny_clip, batches):
    runs = [load_model(f"hf:{tiny_clip}") for _ in range(3)]
    histories = [
        fine_tune(
            m, *batches, uniform(4), TrainConfig(steps=12, captions=6, claims=6, seed=s)
        ).history
        for m, s in zip(runs, (0, 0, 1), strict=True)
    ]
    assert torch.equal(weights_of(runs[0]), weights_of(runs[1]))
    assert not torch.equal(weights_of(runs[0]), weights_of(runs[2]))
    assert histories[0] == histories[1]
    assert histories[0][-1]["loss"] < histories[0][0]["loss"]


def test_both_losses_act_in_one_step(model, batches):
    config = replace(CONFIG, steps=2, lambda_=0.3)
    for row in fine_tune(model, *batches, uniform(4), config).history:
        assert row["loss"] == approx(0.3 * row["caption"] + 0.7 * row["claim"])


@pytest.mark.parametrize(("lambda_", "term"), [(0.0, "claim"), (1.0, "caption")])
def test_one_loss_alone(model, batches, lambda_, term):
    config = replace(CONFIG, steps=2, lambda_=lambda_)
    for row in fine_tune(model, *batches, uniform(4), config).history:
        assert set(row) == {"loss", term} and row["loss"] == approx(row[term])


def test_a_loss_that_is_not_finite_ends_the_run(model, batches):
    config = replace(CONFIG, steps=20, learning_rate=1e3, warm_up=0, claim_scale=1e38)
    with pytest.raises(ModelError, match="try a smaller learning rate than 1000"):
        fine_tune(model, *batches, uniform(4), config)


def test_a_step_encodes_each_text_once_and_no_image(model, batches, monkeypatch):
    seen, encode = [], model.text_features

    def counted(ids, *given):
        seen.extend(map(tuple, ids.tolist()))
        return encode(ids, *given)

    monkeypatch.setattr(model, "text_features", counted)
    monkeypatch.setattr(model, "image", None)
    fine_tune(model, *batches, uniform(4), replace(CONFIG, steps=1, captions=6, claims=6))
    assert len(seen) == len(set(seen)) == 6, "six texts are shown in 6 captions and 18 claims"


@pytest.mark.parametrize("steps", [1, 8])
def test_the_true_claim_gains(model, batches, steps):
    claims = batches[1]

    def true_scores():
        texts = [c[a] for c, a in zip(claims.claims, claims.answers, strict=True)]
        false = [c[a - 1] for c, a in zip(claims.claims, claims.answers, strict=True)]
        vectors = model.encode_texts(texts) - model.encode_texts(false)
        return float((claims.images * vectors).sum(-1).mean())

    before = true_scores()
    config = TrainConfig(steps=steps, captions=6, claims=6, lambda_=0.0, learning_rate=1e-3)
    fine_tune(model, *batches, uniform(4), config)
    assert true_scores() > before + 1e-5


def test_alpha_zero_has_no_lora_and_no_change(model, batches):
    shares = fine_tune(model, *batches, PROFILE, CONFIG).meter.shares()
    assert list(lora_by_layer(model.network)) == [1, 2, 4]
    for values in shares.values():
        assert len(values) == 4
        assert values[2] == 0
        assert sum(values) == approx(1)


@pytest.mark.parametrize("lora", ["mlp", "all"])
def test_the_mlp_is_trained_by_the_same_scales(tiny_clip, batches, lora):
    config = replace(CONFIG, lora=lora)
    models = [load_model(f"hf:{tiny_clip}") for _ in range(2)]
    found = [
        fine_tune(m, *batches, w, config).meter.shares()
        for m, w in zip(models, (PROFILE, uniform(4)), strict=True)
    ]
    assert list(lora_by_layer(models[0].network)) == [1, 2, 4]
    changed = lora_by_layer(models[1].network)[3]
    assert any("mlp" in name for name in changed)
    assert any("self_attn" in name for name in changed) == (lora == "all")
    assert all(float(p.detach().abs().sum()) > 0 for p in changed.values()), "B has moved from 0"
    assert found[1]["parameters"] == approx([0.25] * 4, abs=0.05)
    assert found[0]["parameters"] == approx([s / 4 for s in PROFILE.scale], abs=0.05)
    assert all(shares[2] == 0 for shares in found[0].values())


def test_gradients_are_scaled_before_they_are_clipped(tiny_clip, batches):
    """Backward, scale, clip, step: after them the norm of all is `clip`, shares as scaled."""
    profile = LayerWeights([1.0, 0.5, 0.5, 1.0], [1.0, 0.5, 0.5, 1.0])
    config = replace(CONFIG, steps=1, clip=1e-3)
    norms = {}
    for mode, weights in (("lr", uniform(4)), ("gradient", profile)):
        model = load_model(f"hf:{tiny_clip}")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="mode='gradient'")
            updates = fine_tune(model, *batches, weights, replace(config, mode=mode)).meter.steps
        norms[mode] = [row["gradient"] for row in updates]
        assert sum(n**2 for n in norms[mode]) ** 0.5 == approx(1e-3, rel=1e-3)
    scaled = [n * s for n, s in zip(norms["lr"], profile.scale, strict=True)]
    whole = sum(n**2 for n in scaled) ** 0.5
    assert norms["gradient"] == approx([1e-3 * n / whole for n in scaled], rel=1e-3)


def test_rates_move_the_update_towards_the_profile(tiny_clip, batches):
    profile = LayerWeights([1.0, 0.6, 0.3, 0.1], [2.0, 1.2, 0.6, 0.2])
    found = {}
    for name, weights in (("uniform", uniform(4)), ("lr", profile)):
        shares = fine_tune(load_model(f"hf:{tiny_clip}"), *batches, weights, CONFIG).meter.shares()
        found[name] = shares["parameters"]
    wanted = [0.5, 0.3, 0.15, 0.05]
    assert found["uniform"] == approx([0.25] * 4, abs=0.05)
    assert found["lr"] == approx(wanted, abs=0.05)


def test_gradient_mode_warns_and_hardly_moves_the_update(tiny_clip, batches):
    profile = LayerWeights([1.0, 0.6, 0.3, 0.1], [2.0, 1.2, 0.6, 0.2])
    config = TrainConfig(steps=5, captions=4, claims=3, mode="gradient")
    with pytest.warns(UserWarning, match=r"mode='gradient' under AdamW"):
        shares = fine_tune(load_model(f"hf:{tiny_clip}"), *batches, profile, config).meter.shares()
    assert shares["parameters"] == approx([0.25] * 4, abs=0.05)
    assert shares["gradient"][0] > 2 * shares["gradient"][3]


def test_only_the_text_tower_changes(model, batches):
    before = {n: p.clone() for n, p in model.network.named_parameters()}
    fine_tune(model, *batches, uniform(4), CONFIG)
    after = {
        n.removeprefix("base_model.model.").replace(".base_layer", ""): p
        for n, p in model.network.named_parameters()
        if "lora_" not in n
    }
    assert all(torch.equal(after[n], p) for n, p in before.items())


@pytest.mark.parametrize("options", [{"lambda_": 1.5}, {"mode": "adam"}, {"lora": "vision"}])
def test_bad_config(options):
    with pytest.raises(UsageError, match=r"lambda|mode|lora"):
        TrainConfig(**options)


@pytest.mark.parametrize("blocks", [3, 5])
def test_a_profile_of_another_depth_is_refused(model, batches, blocks):
    with pytest.raises((ValueError, NastError)):
        fine_tune(model, *batches, uniform(blocks), CONFIG)


@pytest.fixture(scope="module")
def run(tiny_clip, facts, tmp_path_factory):
    """A finished run folder on the phantom's claims and captions, and its trained model."""
    folder = tmp_path_factory.mktemp("runs") / "NAST (lr)#0"
    model, spec = load_model(f"hf:{tiny_clip}"), f"hf:{tiny_clip}"
    config = TrainConfig(steps=2, captions=8, claims=4)
    build_run(model, spec, facts, contextual_set(facts), folder, PROFILE, config)
    return folder, model


TEXTS = ["There is no edema.", "There is severe pneumothorax."]


def test_run_folder_loads_by_name_and_by_peft(run, tiny_clip):
    folder, model = run
    wanted = model.encode_texts(TEXTS)
    loaded = load_model(f"run:{folder}@1")
    assert torch.allclose(loaded.encode_texts(TEXTS), wanted, atol=1e-6)
    base = load_model(f"hf:{tiny_clip}")
    assert loaded.key != base.key
    assert not torch.allclose(base.encode_texts(TEXTS), wanted, atol=1e-5)
    base.network = PeftModel.from_pretrained(base.network, folder / "lora").eval()
    assert torch.allclose(base.encode_texts(TEXTS), wanted, atol=1e-6)


def test_a_run_can_be_trained_on(run, facts, tmp_path):
    folder, first = run
    model = load_model(f"run:{folder}@1")
    config = TrainConfig(steps=2, captions=8, claims=4, learning_rate=1e-2)
    build_run(
        model,
        f"run:{folder}@1",
        facts,
        contextual_set(facts),
        tmp_path / "second",
        uniform(4),
        config,
    )
    wanted = model.encode_texts(TEXTS)
    assert not torch.allclose(first.encode_texts(TEXTS), wanted, atol=1e-4)
    again = load_model(f"run:{tmp_path / 'second'}@1")
    assert torch.allclose(again.encode_texts(TEXTS), wanted, atol=1e-5)
    assert again.made_from == [folder, tmp_path / "second"]


def test_run_folder_holds_losses_and_shares(run):
    folder, _ = run
    shares = json.loads((folder / "updates.json").read_text())
    assert set(shares) == {"parameters", "product", "gradient"}
    lines = (folder / "losses.csv").read_text().splitlines()
    assert lines[0] == "step,loss,caption,claim"
    assert len(lines) == 3
    manifest = manifest_of(folder)
    assert manifest["config"]["seed"] == 0 and manifest["config"]["scale"] == PROFILE.scale
    assert {"python", "torch", "threads", "processes"} <= set(manifest["machine"])
    base = json.loads((folder / "run.json").read_text())
    assert base["base_key"] == manifest["config"]["base_key"] and len(base["base_key"]) == 64


def test_a_stopped_run_folder_goes_on(tiny_clip, facts, tmp_path, monkeypatch):
    monkeypatch.setattr("nast.training.trainer.SAVE_SECONDS", 0.0)
    config, base = TrainConfig(steps=4, captions=8, claims=2), f"hf:{tiny_clip}"
    seen = []

    def build(name, stop=None):
        def report(step, losses):
            seen.append(step)
            if step == stop:
                raise KeyboardInterrupt

        build_run(
            load_model(base),
            base,
            facts,
            contextual_set(facts),
            tmp_path / name,
            PROFILE,
            config,
            report=report,
        )

    build("whole")
    with pytest.raises(KeyboardInterrupt):
        build("stopped", stop=3)
    assert (tmp_path / "stopped" / STATE).is_file()
    seen.clear()
    build("stopped")
    # Step 3 was reported before it was saved.
    assert seen == [3, 4] and not (tmp_path / "stopped" / STATE).exists()
    for name in ("losses.csv", "updates.csv", "updates.json", "lora/adapter_model.safetensors"):
        assert (tmp_path / "stopped" / name).read_bytes() == (
            tmp_path / "whole" / name
        ).read_bytes()


def test_best_and_last_weights_are_kept(tiny_clip, facts, validated_set, tmp_path):
    spec, run = f"hf:{tiny_clip}", tmp_path / "run"
    model = load_model(spec)
    config = TrainConfig(steps=6, captions=8, claims=2, validate_every=1, learning_rate=1e-2)
    manifest = build_run(model, spec, facts, validated_set, run, uniform(4), config)
    base = load_model(spec)
    accuracy = partial(claim_figures, validation=validation_of(Vectors(base), [validated_set]))
    figures = [{n: v for n, v in row.items() if n != "step"} for row in manifest["validation"]]
    means = [sum(f.values()) / len(f) for f in figures]
    best = figures[means.index(max(means))]
    assert len(figures) == 6 and accuracy(model) == accuracy(load_model(f"run:{run}@1")) == best
    base.network = PeftModel.from_pretrained(base.network, run / "lora-last").eval()
    assert accuracy(base) == figures[-1]
    lines = (run / "updates.csv").read_text().splitlines()
    assert lines[0] == "step,block,parameters,product,gradient" and len(lines) == 1 + 6 * 4


def test_a_run_is_found_from_every_working_folder(tiny_clip, facts, tmp_path, monkeypatch):
    """Its base was named by a relative path, which elsewhere would be an id of the hub."""
    shutil.copytree(tiny_clip, tmp_path / "models" / "clip")
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(steps=1, captions=4, claims=2)
    base = load_model("hf:models/clip")
    build_run(
        base, "hf:models/clip", facts, contextual_set(facts), tmp_path / "run", PROFILE, config
    )
    key = load_model("run:run").key
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_model("run:../run").key == key
    # The tree as a whole may move.
    (tmp_path / "moved").mkdir()
    for name in ("models", "run"):
        shutil.move(tmp_path / name, tmp_path / "moved" / name)
    monkeypatch.chdir(tmp_path / "moved")
    assert load_model("run:run").key == key
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"neither at .*models/clip nor here as hf:models/clip"):
        load_model("run:../moved/run")
    # Another model where the base was: the one that was trained on is taken, or none.
    shutil.copytree(tmp_path / "moved" / "models", tmp_path / "models")
    with open(tmp_path / "models" / "clip" / "config.json", "a") as file:
        file.write("\n")
    with pytest.raises(ModelError, match="is not the one that was trained on"):
        load_model("run:../moved/run")
    monkeypatch.chdir(tmp_path / "moved")
    assert load_model("run:run").key == key


def test_layer_weights_that_differ_by_rounding_are_one_run(tiny_clip, facts, tmp_path):
    """The powers of a profile differ in the last digit between processors."""
    config, spec = TrainConfig(steps=1, captions=4, claims=2), f"hf:{tiny_clip}"

    def build(scale, name="given", beta=None, **how):
        weights = LayerWeights(PROFILE.alpha, scale, name, beta)
        return build_run(
            load_model(spec),
            spec,
            facts,
            contextual_set(facts),
            tmp_path / "run",
            weights,
            config,
            **how,
        )

    made = build(PROFILE.scale)
    assert build([float(np.nextafter(s, 9)) if s else s for s in PROFILE.scale]) == made
    with pytest.raises(UsageError, match="another configuration"):
        build([s + 1e-6 for s in PROFILE.scale])
    # A choice is known by its name, its sharpness and its trace.
    trace = tmp_path / "trace"
    stage(trace, {"stage": "trace"}, [], lambda out: {})
    made = build(PROFILE.scale, "nast/cue", 0.5, trace=trace, fresh=True)
    assert {"layers": "nast/cue", "beta": 0.5}.items() <= made["config"].items()
    assert "scale" not in made["config"]
    assert build([s + 1e-3 for s in PROFILE.scale], "nast/cue", 0.5, trace=trace) == made
    with pytest.raises(UsageError, match="another configuration"):
        build(PROFILE.scale, "nast/cue", 1.0, trace=trace)
    # Without the trace only the numbers say what it was.
    assert build(PROFILE.scale, "nast/cue", 0.5, fresh=True)["config"]["scale"] == PROFILE.scale


def test_a_run_knows_its_setting_whatever_its_folder_is_called(tiny_clip, facts, tmp_path):
    config = TrainConfig(steps=1, captions=4, claims=2, seed=3)
    spec, folder = f"base=hf:{tiny_clip}", tmp_path / "some folder#0"
    model = load_model(spec)
    assert (model.name, model.seed, model.g) == ("base", None, None)
    made = build_run(model, spec, facts, contextual_set(facts), folder, uniform(4), config)
    known = {"objective": "nast", "layers": "uniform", "mode": "lr", "beta": None, "seed": 3}
    assert known.items() <= made["config"].items()
    assert made["g"] in [row["g"] for row in made["curve"]]
    run = load_model(f"run:{folder}")
    assert (run.name, run.seed, run.g) == ("LoRA uniform", 3, made["g"])
    named = load_model(f"mine=run:{folder}")
    assert (named.name, named.seed) == ("mine", 3) and named.key == run.key
    assert load_model(f"pad:run:{folder}").name == "pad:LoRA uniform"
    assert len(repr(run).splitlines()) == 3 and "seed 3" in repr(run)


def test_training_from_python_leaves_the_base_as_it_is(tiny_clip, facts, tmp_path):
    model, spec = load_model(f"hf:{tiny_clip}"), f"hf:{tiny_clip}"
    before = {n: p.clone() for n, p in model.network.named_parameters()}
    settings = {"steps": 3, "captions": 4, "claims": 2, "seed": 1}
    weights = LayerWeights(PROFILE.alpha, PROFILE.scale, "scope", 1.0)
    with warnings.catch_warnings():
        # Three steps from random weights repair nothing.
        warnings.simplefilter("ignore")
        found = train(model, facts, contextual_set(facts), weights=weights, **settings)
    assert (found.model.name, found.model.seed) == ("NAST (lr, scope)", 1)
    assert all(torch.equal(before[n], p) for n, p in model.network.named_parameters())
    config = TrainConfig(**settings)
    out = tmp_path / "run"
    build_run(load_model(spec), spec, facts, contextual_set(facts), out, weights, config)
    assert found.losses["loss"].to_list() == approx(pl.read_csv(out / "losses.csv")["loss"])
    assert found.updates.height == 3 * 3 and found.updates["block"].unique().to_list() == [1, 2, 4]
    again = load_model(f"run:{out}")
    texts = ["There is no edema."]
    assert torch.allclose(again.encode_texts(texts), found.model.encode_texts(texts), atol=1e-6)
    assert again.name == found.model.name
    assert found.model.key != model.key and facts in found.model.made_from
    assert "3 steps" in repr(found)
    with pytest.raises(UsageError, match="stepz is no setting of a run; choose from objective"):
        train(model, facts, contextual_set(facts), stepz=3)


def test_weights_carry_the_access_class_of_their_data(tiny_clip, facts, tmp_path):
    """Figures on open data are credentialed when the weights were trained on credentialed data."""
    secret, run = tmp_path / "facts", tmp_path / "run"
    shutil.copytree(facts, secret)
    terms = ["a hospital: nothing may be shared"]
    resealed(secret, access="credentialed", terms=terms)
    spec = f"hf:{tiny_clip}"
    config = TrainConfig(steps=1, captions=4, claims=2)
    build_run(load_model(spec), spec, secret, contextual_set(facts), run, PROFILE, config)
    for card in (run / "README.md", run / "lora" / "README.md"):
        assert "Access class: **credentialed**" in card.read_text()
        assert terms[0] in card.read_text()
    assert manifest_of(facts)["access"] == "open"
    for models, access in ((spec, "open"), (f"run:{run}", "credentialed")):
        out = tmp_path / access
        evaluate([load_model(models)], [facts], out, limit=4, vectors=tmp_path / "vectors")
        assert manifest_of(out)["access"] == access
        assert (terms[0] in manifest_of(out)["terms"]) is (access == "credentialed")
    assert {p.name for p in (tmp_path / "vectors").iterdir()} == {"open", "credentialed"}


def test_run_of_another_base_is_refused(run, tmp_path):
    folder, _ = run
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    data = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**data, "base_key": "0"}))
    resealed(copy)
    with pytest.raises(ModelError, match="is not the one that was trained on"):
        load_model(f"run:{copy}")


def test_too_little_data_is_an_input_error(model, tiny_clip, facts, tmp_path):
    config = TrainConfig(steps=1, captions=100_000)
    with pytest.raises(InputError, match="100000"):
        build_run(
            model,
            f"hf:{tiny_clip}",
            facts,
            contextual_set(facts),
            tmp_path / "run",
            uniform(4),
            config,
        )
