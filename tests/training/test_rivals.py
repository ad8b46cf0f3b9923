"""Runs with the rivals' objectives and the paper's choices: what a loss is given, what moves."""

import pytest
import torch
from built import contextual_set
from pytest import approx
from six_pairs import TEXTS

from nast.language.read.parse import facts_of
from nast.layers import uniform
from nast.models.registry import load_model
from nast.training.lora import lora_by_layer
from nast.training.objectives import TERMS
from nast.training.run import build_run
from nast.training.train_config import PAPER, PUBLISHED, TrainConfig
from nast.training.trainer import fine_tune


@pytest.fixture
def seen(monkeypatch):
    """Fills with (term, batch, scale) of every loss that is computed."""
    calls = []

    def watched(name, term):
        def call(batch, vectors, scale):
            calls.append((name, batch, scale))
            return term(batch, vectors, scale)

        return call

    for name, term in list(TERMS.items()):
        monkeypatch.setitem(TERMS, name, watched(name, term))
    return calls


def two_steps(model, data, **settings):
    config = TrainConfig(**{"steps": 2, "captions": 3, "claims": 2, **settings})
    return fine_tune(model, *data, uniform(4), config).history


def lora(model, part="lora_"):
    named = lora_by_layer(model.network).values()
    return [p.detach() for group in named for name, p in group.items() if part in name]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(lora(first), lora(second), strict=True))


@pytest.mark.parametrize(
    ("objective", "weights"),
    [
        ("negclip", {"negclip": 1}),
        ("conclip", {"conclip": 1}),
        ("negbench", {"caption": 0.99, "claim": 0.01}),
    ],
)
def test_a_rival_moves_lora_alone_by_its_own_terms(model, batches, objective, weights):
    before = {n: p.clone() for n, p in model.network.named_parameters()}
    history = two_steps(model, batches, objective=objective)
    assert [set(row) for row in history] == [{"loss", *weights}] * 2
    for row in history:
        assert row["loss"] == approx(sum(w * row[term] for term, w in weights.items()))
        assert min(row.values()) > 0
    moved = lora(model, "lora_B")
    assert len(moved) == 4 * 4 and all(b.any() for b in moved), "B starts at 0 in every block"
    after = {
        n.removeprefix("base_model.model.").replace(".base_layer", ""): p
        for n, p in model.network.named_parameters()
        if "lora_" not in n
    }
    assert after.keys() == before.keys()
    assert all(torch.equal(after[n], p) for n, p in before.items())


@pytest.mark.parametrize(
    ("objective", "denials", "others", "sets"),
    [
        ("clip", False, False, 0),
        ("negclip", True, False, 0),
        ("conclip", True, True, 0),
        ("negbench", False, False, 2),
    ],
)
def test_a_loss_is_given_what_its_rival_needs(
    model, batches, seen, objective, denials, others, sets
):
    """In the fixture text i is true of image i alone, and text i + 1 denies it."""
    two_steps(model, batches, objective=objective)
    for _, batch, _ in seen:
        texts = [TEXTS.index(batch.texts[i]) for i in batch.columns]
        images = [int((batches[0].images == i).all(1).nonzero()) for i in batch.images]
        own = texts[:3]
        assert batch.counts == (3, 3) and images[:3] == own
        denied = sorted({(i + 1) % 6 for i in own} - set(own))
        assert texts[3:] == (denied if denials else []) and len(denied) > 0
        assert images[3:] == (denied if others else [])
        assert len(batch.claims) == len(batch.answers) == sets
    assert len({tuple(batch.columns.tolist() + batch.texts) for _, batch, _ in seen}) == 2


@pytest.mark.parametrize("settings", [{"claim_scale": 1.0}, PAPER])
def test_claim_scale_is_the_claims_alone(tiny_clip, batches, seen, settings):
    first, second = (load_model(f"hf:{tiny_clip}") for _ in range(2))
    two_steps(first, batches)
    assert {(name, scale) for name, _, scale in seen} == {
        ("caption", first.logit_scale),
        ("claim", first.logit_scale),
    }
    seen.clear()
    two_steps(second, batches, **settings)
    assert {(name, scale) for name, _, scale in seen} == {
        ("caption", first.logit_scale),
        ("claim", 1.0),
    }
    assert first.logit_scale > 2 and not same(first, second)


@pytest.mark.parametrize("settings", [{"targets": "diagonal"}, PAPER])
def test_diagonal_targets_hide_what_else_is_true(tiny_clip, batches, seen, settings):
    """Text 1 is true of image 0 as well, and nobody knows whether text 3 is true of image 2."""
    captions, claims = batches
    table = captions.truth.tables[0].copy()
    table[0, 1], table[2, 3] = 1, 0
    data = captions._replace(truth=captions.truth._replace(tables=[table])), claims
    first, second = (load_model(f"hf:{tiny_clip}") for _ in range(2))
    scale = {"claim_scale": 1.0}
    two_steps(first, data, captions=6, **scale)
    shown = [batch.truth.numpy() for name, batch, _ in seen if name == "caption"]
    assert len(shown) == 2 and all((truth == table).all() for truth in shown)
    seen.clear()
    two_steps(second, data, captions=6, **scale | settings)
    shown = [batch.truth for name, batch, _ in seen if name == "caption"]
    assert len(shown) == 2 and all((truth == 2 * torch.eye(6) - 1).all() for truth in shown)
    assert not same(first, second)


@pytest.mark.parametrize(("settings", "said"), [({}, {"absent", "present"}), (PAPER, {"absent"})])
def test_the_paper_shows_negated_captions_only(model, facts, tmp_path, seen, settings, said):
    config = TrainConfig(**{"steps": 1, "captions": 24, "claims": 2, **settings})
    build_run(model, "tiny", facts, contextual_set(facts), tmp_path / "run", uniform(4), config)
    _, batch, _ = seen[0]
    captions = [batch.texts[i] for i in batch.columns[: batch.counts[1]]]
    assert {fact.existence for text in captions for fact in facts_of(text)} == said


def test_published_settings_are_those_of_the_authors():
    assert PUBLISHED == {
        # vinid/neg_clip: lr 1e-6, batch 256, warm-up 50 (Yuksekgonul et al. 2023).
        "negclip": {"learning_rate": 1e-6, "captions": 256, "warm_up": 50},
        # jaisidhsingh/CoN-CLIP 503388a: AdamW, lr 1e-6, weight decay 0.2, batch 200, warm-up 50.
        "conclip": {"learning_rate": 1e-6, "captions": 200, "weight_decay": 0.2, "warm_up": 50},
        # m1k2zoo/negbench 2ac009b: checkpoints `lr1e-8_clw0.99_mlw0.01`; AdamW, decay 0.2.
        "negbench": {"learning_rate": 1e-8, "weight_decay": 0.2},
    }
