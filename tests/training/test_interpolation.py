"""How much of a run's change is taken: the rule by hand, the curve against loaded shares."""

import warnings

import numpy as np
import pytest
import torch
from pytest import approx

from nast.layers import uniform
from nast.models.registry import load_model
from nast.training import interpolation
from nast.training.interpolation import (
    FACTORS,
    KEPT,
    LIMIT,
    MARGIN,
    best_share,
    choose_share,
    curve_of,
    loss_of,
)
from nast.training.run import build_run
from nast.training.train import train
from nast.training.train_config import TrainConfig
from nast.training.validation import Validation, ValidationPart, validation_of
from nast.vectors import Vectors

CONFIG = TrainConfig(steps=4, captions=8, claims=2, learning_rate=1e-2)


def row(g, repaired, loss, half_width=0.0, worst=None):
    worst = loss if worst is None else worst
    said = {"g": g, "repaired": repaired, "loss": loss, "half_width": half_width}
    return {**said, "worst": worst}


@pytest.mark.parametrize(
    ("curve", "chosen"),
    [
        ([row(0, 0.4, 0), row(0.5, 0.6, 0.005), row(1, 0.9, 0.006)], (0.5, True)),
        # What gains most of the harmless ones, though less harm could be had.
        ([row(0, 0.4, 0), row(0.5, 0.6, -0.02), row(1, 0.7, 0.004)], (1, True)),
        # The end of the interval decides, and not the loss.
        ([row(0, 0.4, 0), row(0.5, 0.6, -0.01, 0.02), row(1, 0.7, 0, 0.02)], (0.5, True)),
        # A part that loses much is not made good by others that gain.
        ([row(0, 0.4, 0), row(0.5, 0.6, 0), row(1, 0.7, -0.02, worst=0.006)], (0.5, True)),
        ([row(0, 0.4, 0), row(0.5, 0.6, -0.01, 0.1, 0.02), row(1, 0.7, 0, 0.1, 0.02)], (0, False)),
        # Nothing gains: the base.
        ([row(0, 0.4, 0), row(0.5, 0.4, -0.02), row(1, 0.3, -0.5)], (0, True)),
        # Nothing is harmless: the base.
        ([row(0, 0.4, 0), row(0.5, 0.6, 0.02), row(1, 0.7, 0.03)], (0, False)),
        # Too few patients to show it: what has no loss.
        ([row(0, 0.4, 0), row(0.5, 0.6, -0.01, 0.1), row(1, 0.7, 0.005, 0.1)], (0.5, False)),
        # Equal gains: the smaller change.
        ([row(0, 0.4, 0), row(0.5, 0.6, 0), row(1, 0.6, 0)], (0.5, True)),
    ],
)
def test_the_rule_by_hand(curve, chosen):
    assert best_share(curve) == chosen


def part(patients):
    number = len(patients)
    return ValidationPart(
        torch.zeros(number, 2), torch.zeros(number, 2), torch.zeros(number), patients
    )


def test_the_loss_is_the_mean_over_parts_and_patients_are_its_units():
    parts = {
        "affirmative claims": part(["a", "a", "b", "c"]),
        "affirmative lists": part(["a", "b"]),
    }
    before = {"affirmative claims": np.ones(4), "affirmative lists": np.ones(2)}
    after = {
        "affirmative claims": np.array([0, 1, 1, 1.0]),
        "affirmative lists": np.array([0, 1.0]),
    }
    loss, half_width = loss_of(before, after, Validation([], parts))
    assert loss == approx((1 / 4 + 1 / 2) / 2)
    # One patient has it all, three eighths; the others have none.
    shares = np.array([3 / 8, 0, 0])
    assert half_width == approx(1.96 * np.sqrt(3 * shares.var(ddof=1)))


class Encoder:
    """Texts are unit vectors of four directions, by their number."""

    def encode_texts(self, texts):
        return torch.eye(4)[[int(text) for text in texts]]


def test_items_of_different_sizes_are_answered_from_their_own_options():
    images = torch.tensor([[0.0, 0.6, 0.0, 0.8], [0.0, 0.6, 0.0, 0.8]])
    # The first item does not show the text that its image is nearest to.
    places = torch.tensor([[0, 1, -1], [1, 2, 3]])
    claims = ValidationPart(images, places, torch.tensor([1, 2]), ["a", "b"])
    found = Validation(list("0123"), {"negated claims": claims, "negated lists": claims})
    assert found.right(Encoder())["negated claims"].tolist() == [1, 1]
    alone = found._replace(texts=list("01230")).only("claims")
    assert alone.parts["negated claims"].places.tolist() == places.tolist()
    assert alone.right(Encoder())["negated claims"].tolist() == [1, 1]


def test_a_repair_is_no_loss():
    """Gains elsewhere do not hide what denials lose: they are no part of it."""
    names = ("negated claims", "negated questions", "negated lists", "omitted questions")
    assert not set(names) & set(KEPT)


@pytest.fixture(scope="module")
def sets(facts, tmp_path_factory):
    """A contextual set and questions with items of the validation patients."""
    from nast.benchmark.build import build_benchmark
    from nast.contextual.build import build_contextual
    from nast.phantom.write import build_phantom
    from nast.sources.collect import build_facts

    root = tmp_path_factory.mktemp("sets")
    build_phantom(root / "phantom", 150, 5, workers=2)
    cad = f"cad-chest:{root / 'phantom' / 'cad_disease.json'}"
    build_facts([f"mimic-cxr-jpg:{root / 'phantom'}", cad], root / "facts")
    build_contextual(root / "facts", root / "contextual", groups=6, lists=40)
    build_benchmark(root / "facts", root / "questions", limit=8)
    return root


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    model = load_model("phantom")
    made = build_run(
        model,
        "phantom",
        sets / "facts",
        sets / "contextual",
        out,
        uniform(12),
        CONFIG,
        benchmark=sets / "questions",
    )
    return made, out


def test_the_whole_curve_is_recorded(run, sets):
    made, _ = run
    looked = [r["g"] for r in made["curve"]]
    assert looked == sorted(looked) and set(FACTORS) <= set(looked)
    # And a tenth below and above the best of those, whichever it was.
    near = sorted(set(looked) - set(FACTORS))
    best, _ = best_share([r for r in made["curve"] if r["g"] in FACTORS])
    assert near == [g for g in (round(best - 0.1, 1), round(best + 0.1, 1)) if 0 < g < 1]
    parts = {"negated claims", "affirmative claims", "negated questions", "affirmative questions"}
    assert parts | {"affirmative lists"} <= set(made["validation items"])
    assert made["curve"][0]["loss"] == made["curve"][0]["half_width"] == 0
    for entry in made["curve"]:
        found = [entry[n] for n in ("negated claims", "negated questions")]
        assert entry["repaired"] == approx(np.mean(found))
        lost = [made["curve"][0][name] - entry[name] for name in KEPT if name in entry]
        assert entry["worst"] == approx(max(lost)) and entry["worst"] >= entry["loss"] - 1e-9
    assert made["g"] == best_share(made["curve"])[0]
    chosen = next(entry for entry in made["curve"] if entry["g"] == made["g"])
    assert chosen["loss"] <= MARGIN and chosen["worst"] <= LIMIT


def test_a_run_is_loaded_with_what_it_chose(run, sets):
    """And g = 0 answers as the base does."""
    made, out = run
    base = load_model("phantom")
    validation = validation_of(Vectors(base), [sets / "contextual", sets / "questions"])
    curve = {r["g"]: r for r in made["curve"]}
    for spec, g in ((f"run:{out}", made["g"]), (f"run:{out}@0.4", 0.4), (f"run:{out}@1", 1.0)):
        model = load_model(spec)
        assert model.g == g
        for name, right in validation.right(model).items():
            assert right.mean() == approx(curve[g][name])
    assert load_model(f"run:{out}").name == "LoRA uniform"
    assert load_model(f"run:{out}@1").name == "LoRA uniform @1"
    before, zero = validation.right(base), validation.right(load_model(f"run:{out}@0"))
    assert all((before[name] == zero[name]).all() for name in before)


def test_looking_leaves_the_weights_as_they_were(run, sets):
    model = load_model(f"run:{run[1]}@1")
    texts = ["There is no pneumothorax."]
    validation = validation_of(Vectors(load_model("phantom")), [sets / "questions"])
    before = model.encode_texts(texts)
    curve_of(model, validation)
    assert torch.equal(before, model.encode_texts(texts))


def test_in_memory_the_same_part_is_taken(run, sets):
    made, out = run
    settings = {n: getattr(CONFIG, n) for n in ("steps", "captions", "claims", "learning_rate")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the choice of g|no part of this run")
        tuned = train(
            load_model("phantom"),
            sets / "facts",
            sets / "contextual",
            benchmark=sets / "questions",
            **settings,
        )
    assert tuned.model.g == made["g"]
    assert tuned.curve["g"].to_list() == [entry["g"] for entry in made["curve"]]
    texts = ["There is no pneumothorax.", "A left pleural effusion is seen."]
    found = load_model(f"run:{out}").encode_texts(texts)
    assert torch.allclose(tuned.model.encode_texts(texts), found, atol=1e-6)


def test_a_change_that_harms_leaves_the_base(monkeypatch, sets):
    validation = validation_of(Vectors(load_model("phantom")), [sets / "contextual"])
    monkeypatch.setattr(interpolation, "curve_of", lambda *_: [row(0, 0.5, 0.0), row(1, 0.9, 0.2)])
    chosen = choose_share(load_model("phantom"), validation)
    assert chosen.g == 0 and "g = 0, which is the base" in chosen.warning


def test_a_choice_on_few_patients_is_called_noisy(monkeypatch, sets):
    validation = validation_of(Vectors(load_model("phantom")), [sets / "contextual"])
    rows = [row(0, 0.5, 0.0), row(1, 0.9, 0.0, 0.05)]
    monkeypatch.setattr(interpolation, "curve_of", lambda *_: rows)
    chosen = choose_share(load_model("phantom"), validation)
    assert chosen.g == 1 and "known within 0.050 only" in chosen.warning


def test_without_validation_patients_or_by_the_paper_the_whole_change_is_taken(sets):
    base = load_model("phantom")
    nobody = choose_share(base, Validation([], {}))
    assert (nobody.g, nobody.curve) == (1.0, [])
    validation = validation_of(Vectors(base), [sets / "contextual"])
    assert choose_share(base, validation, "paper").g == 1.0
