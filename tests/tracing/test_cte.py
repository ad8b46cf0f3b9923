"""CTE by a loop over samples and in both directions, on every kind of tower."""

import polars as pl
import pytest
import torch
from built import text_vector
from pytest import approx
from torch.nn.functional import normalize

from nast.errors import InputError
from nast.models.registry import load_model
from nast.sources.collect import read_facts
from nast.tracing.cte import TAU_SHARE, TRACE_SCHEMA, trace_samples
from nast.tracing.patching import SITES, sweep
from nast.tracing.probes import Sample, make_probes, make_samples, probe_images
from nast.vectors import Vectors


@pytest.fixture(scope="module")
def traced(tiny_clip, facts):
    _, table = read_facts(facts)
    table = table.filter(pl.col("condition").is_in(["Edema", "Pleural Effusion", "Pneumonia"]))
    vectors = Vectors(load_model(f"hf:{tiny_clip}"))
    samples, _ = make_samples(vectors, table)
    return vectors, table, *trace_samples(vectors.model, samples)


def test_equals_a_loop_over_samples(traced):
    vectors, table, rows, summary = traced
    tower, images = vectors.model.text, probe_images(table)
    probes, _ = make_probes(vectors.model, summary["conditions"])
    effects, ds = {}, {}
    for probe in (p for p in probes if (p.condition, p.subset) in images):
        correct, foil = (text_vector(tower, i) for i in (probe.correct_ids, probe.foil_ids))
        patched = sweep(tower, probe.correct_ids, probe.foil_ids, sites=SITES)
        key = f"{probe.condition}/{probe.subset}"
        ds[key], effects[key] = [], []
        for _, path in images[probe.condition, probe.subset]:
            image = vectors.images([path])[0]
            ds[key].append(float(image @ correct - image @ foil))
            effects[key].append(
                {s: (float(image @ correct) - v @ image).double() for s, v in patched.items()}
            )
    everything = torch.tensor([abs(d) for values in ds.values() for d in values])
    tau = TAU_SHARE * float(everything.median())
    assert summary["tau"] == approx(tau, rel=1e-2)
    assert summary["samples"] == len(everything)
    assert summary["samples above tau"] == sum(d > tau for values in ds.values() for d in values)
    for row in rows.iter_rows(named=True):
        d, effect = ds[row["pair_id"]], effects[row["pair_id"]]
        site = [float(e[row["site"]][row["layer"], row["position"]]) for e in effect]
        ratios = [e / x for e, x in zip(site, d, strict=True) if x > tau]
        assert (row["n"], row["n_all"]) == (len(ratios), len(d))
        assert row["sum_effect"] == approx(sum(site), abs=1e-4)
        if ratios:
            assert row["cte_mean"] == approx(sum(ratios) / len(ratios), abs=5e-3, rel=5e-3)
        else:
            assert row["cte_mean"] is None


def test_trace_has_every_site_and_its_fixed_points(traced):
    _, _, rows, summary = traced
    assert dict(rows.schema) == TRACE_SCHEMA
    assert summary["pairs"] == rows["pair_id"].n_unique()
    kept = rows.filter(pl.col("n") > 0, site="residual")
    cue = kept.filter(role="cue")
    assert (cue.filter(layer=0)["cte_mean"] - 1).abs().max() < 1e-3
    assert cue.filter(layer=4)["cte_mean"].abs().max() < 1e-3
    before = kept.filter(pl.col("role").is_in(["start", "before cue"]))
    assert before["cte_mean"].abs().max() < 1e-3


def test_no_training_patient_is_an_error(traced):
    vectors, table, *_ = traced
    with pytest.raises(InputError, match=r"train split|usable pairs"):
        make_samples(vectors, table.filter(pl.col("split") != "train"))


CONDITIONS = ["Edema", "Pneumonia", "Pneumothorax"]


def samples_of(model, n=6, template="severe"):
    """Random images for both ordered pairs of some conditions, on the side of the true caption."""
    random = torch.Generator().manual_seed(2)
    made = []
    for probe in make_probes(model, CONDITIONS, template)[0]:
        true, false = model.encode_texts([probe.correct, probe.foil])
        images = torch.randn(n, len(true), generator=random) + 4 * normalize(true - false, dim=0)
        made.append(Sample(probe, normalize(images, dim=-1)))
    return made


@pytest.mark.parametrize("direction", ["foil_to_correct", "negated_to_affirmative"])
def test_fixed_points_hold_for_every_tower_and_direction(model, direction):
    rows, summary = trace_samples(model, samples_of(model), direction)
    assert summary["direction"] == direction and set(rows["site"]) == set(SITES)
    assert rows["cte_mean"].is_finite().all()
    residual = rows.filter(site="residual")
    cue = residual.filter(role="cue")
    assert (cue.filter(layer=0)["cte_mean"] - 1).abs().max() < 1e-4
    last = residual.filter(layer=model.text.n_layers)
    read = model.text.pooled_row(samples_of(model)[0].probe.correct_ids[None])
    if read is not None:
        for row in last.iter_rows(named=True):
            at_read = row["role"] == ("start" if model.name == "bert" else "end")
            assert row["cte_mean"] == approx(float(at_read), abs=1e-4)
    if model.text.causal:
        before = rows.filter(pl.col("role").is_in(["start", "before cue"]))
        assert before["cte_mean"].abs().max() < 1e-4


def test_negated_to_affirmative_by_hand(models):
    """The affirmative caption is patched with the negated one's state, whichever is correct."""
    model = models["clip"]
    samples = samples_of(model)
    rows, _ = trace_samples(model, samples, "negated_to_affirmative")
    for probe, images in samples[:2]:
        negated, affirmative = probe.correct_ids, probe.foil_ids
        if probe.subset == "foil":
            negated, affirmative = affirmative, negated
        patched = sweep(model.text, affirmative, negated)["residual"]
        there = patched[2, probe.position] @ images.T
        n, a = (text_vector(model.text, i) @ images.T for i in (negated, affirmative))
        # Quantmeyer: (S_patched - S_foil) / d, or (S_caption - S_patched) / d.
        ratio = (there - a) / (n - a) if probe.subset == "caption" else (a - there) / (a - n)
        found = rows.filter(
            pair_id=f"{probe.condition}/{probe.subset}", site="residual", layer=2, role="cue"
        )
        assert found["cte_mean"].item() == approx(float(ratio.mean()), abs=1e-4)


def test_the_logit_scale_does_not_matter(models):
    model = models["clip"]
    samples, scale = samples_of(model), model.logit_scale
    rows, _ = trace_samples(model, samples)
    try:
        model.logit_scale = 3.0
        again, _ = trace_samples(model, samples)
    finally:
        model.logit_scale = scale
    assert rows.equals(again)


def test_without_a_filter_every_sample_counts_whose_d_is_not_zero(models):
    model = models["clip"]
    (probe, images), *others = samples_of(model)
    # The same image three ways: for the true caption, against it, and not at all.
    images = torch.stack([images[0], -images[0], torch.zeros_like(images[0])])
    samples = [Sample(probe, images), *others]
    rows, summary = trace_samples(model, samples, tau_share=None)
    assert summary["tau"] is None and summary["tau as a share of the median absolute d"] is None
    assert summary["samples"] == summary["samples above tau"] + 1 == 33
    found = rows.filter(pair_id=f"{probe.condition}/{probe.subset}", site="residual")
    assert set(found["n"]) == {2} and set(found["n_all"]) == {3}
    filtered, _ = trace_samples(model, samples)
    one = filtered.filter(pair_id=f"{probe.condition}/{probe.subset}", site="residual")
    assert set(one["n"]) == {1}
    # Effect and d of the second image are those of the first with another sign.
    assert found["cte_mean"].to_list() == approx(one["cte_mean"].to_list(), abs=1e-6)


def test_unknown_direction(models):
    with pytest.raises(ValueError, match="foil_to_correct, negated_to_affirmative"):
        trace_samples(models["clip"], [], "backwards")


def test_failing_samples_alone(models):
    model = models["clip"]
    (probe, images), *others = samples_of(model)
    # Every image for the true caption and, turned round, against it.
    both = [Sample(p, torch.cat([i, -i])) for p, i in [(probe, images), *others]]
    rows, summary = trace_samples(model, both)
    wrong, about = trace_samples(model, both, failing=True)
    assert about["samples"] == summary["samples"] / 2 == about["failing samples of"] / 2
    assert about["samples above tau"] == summary["samples above tau"]
    # A turned image turns d and the effect, so both halves have one CTE.
    assert wrong["cte_mean"].to_list() == approx(rows["cte_mean"].to_list(), abs=1e-6)
    assert (wrong["sum_d"] < 0).all() and set(wrong["n_all"]) == {len(images)}


def test_a_model_without_failing_samples(models):
    model = models["clip"]
    probe, images = samples_of(model)[0]
    right = [Sample(probe, i[None]) for i in (images[0], -images[0])]
    kept = [s for s in right if (trace_samples(model, [s])[0]["sum_d"] > 0).all()]
    with pytest.raises(InputError, match="none of 1 samples with the foil ahead"):
        trace_samples(model, kept, failing=True)
