"""CTE by a loop over samples, layer scores by hand, and a planted circuit that is found."""

import numpy as np
import polars as pl
import pytest
import torch
from pytest import approx
from torch.nn.functional import normalize

from nast.embeddings import EmbeddingStore
from nast.errors import InputError
from nast.models.registry import load_model
from nast.sources.collect import read_facts
from nast.tracing.cte import TAU_SHARE, TRACE_SCHEMA, layer_scores, trace, within_noise
from nast.tracing.patching import sweep, text_vector
from nast.tracing.probes import make_probes, probe_images


@pytest.fixture(scope="module")
def traced(tiny_clip, facts):
    _, table = read_facts(facts)
    table = table.filter(pl.col("condition").is_in(["Edema", "Pleural Effusion", "Pneumonia"]))
    store = EmbeddingStore(load_model(f"hf:{tiny_clip}"))
    return store, table, *trace(store, table)


def test_equals_a_loop_over_samples(traced):
    store, table, rows, summary = traced
    tower, images = store.model.text_tower(), probe_images(table)
    probes, _ = make_probes(store.model, summary["conditions"])
    effects, ds = {}, {}
    for probe in (p for p in probes if (p.condition, p.subset) in images):
        correct, foil = (text_vector(tower, i) for i in (probe.correct_ids, probe.foil_ids))
        patched = sweep(tower, probe.correct_ids, probe.foil_ids)
        key = f"{probe.condition}/{probe.subset}"
        ds[key], effects[key] = [], []
        for _, path in images[probe.condition, probe.subset]:
            image = store.images([path])[0]
            ds[key].append(float(image @ correct - image @ foil))
            effects[key].append((float(image @ correct) - patched @ image).double())
    everything = torch.tensor([abs(d) for values in ds.values() for d in values])
    tau = TAU_SHARE * float(everything.median())
    assert summary["tau"] == approx(tau, rel=1e-2)
    assert summary["samples"] == len(everything)
    assert summary["samples above tau"] == sum(d > tau for values in ds.values() for d in values)
    for row in rows.iter_rows(named=True):
        d, effect = ds[row["pair_id"]], effects[row["pair_id"]]
        site = [float(e[row["layer"], row["position"]]) for e in effect]
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
    kept = rows.filter(pl.col("n") > 0)
    cue = kept.filter(role="cue")
    assert (cue.filter(layer=0)["cte_mean"] - 1).abs().max() < 1e-3
    assert cue.filter(layer=4)["cte_mean"].abs().max() < 1e-3
    before = kept.filter(pl.col("role").is_in(["start", "before cue"]))
    assert before["cte_mean"].abs().max() < 1e-3


def test_no_training_patient_is_an_error(traced):
    store, table, *_ = traced
    with pytest.raises(InputError, match=r"train split|usable pairs"):
        trace(store, table.filter(pl.col("split") != "train"))


def table_of(cells):
    """(subset, condition, role, position, [CTE per layer 0..2]) -> rows; d sums to 2 per pair."""
    rows = [
        {"subset": s, "condition": c, "role": role, "position": p, "site": "residual",
         "layer": layer, "cte_mean": value, "sum_effect": None if value is None else 2 * value,
         "sum_d": 2.0}
        for s, c, role, p, values in cells
        for layer, value in enumerate(values)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


HAND = table_of([
    ("caption", "Edema", "cue", 3, [1.0, 0.8, 0.0]),
    ("caption", "Edema", "finding", 4, [0.0, 0.2, 0.0]),
    ("caption", "Fracture", "cue", 3, [1.0, 0.4, 0.0]),
    ("caption", "Fracture", "finding", 4, [0.0, 0.2, 0.0]),
    ("caption", "Fracture", "finding", 5, [0.0, 0.6, 0.0]),
    ("foil", "Edema", "cue", 3, [1.0, 0.2, 0.0]),
    ("foil", "Edema", "finding", 4, [0.0, 0.4, 0.0]),
    ("foil", "Edema", "end", 6, [0.0, 0.9, 1.0]),
])  # fmt: skip


@pytest.mark.parametrize(
    ("aggregation", "scores"),
    [
        # caption: (0.8 + 0.4) / 2 = 0.6; foil: 0.2; each subset weighs one half.
        ("cue", [0.4, 0.0]),
        # Edema (0.8 + 0.2) / 2 = 0.5, Fracture (0.4 + 0.2 + 0.6) / 3 = 0.4; foil 0.3.
        ("scope", [(0.45 + 0.3) / 2, 0.0]),
        ("drop", [0.6, 0.4]),
    ],
)
def test_layer_scores_by_hand(aggregation, scores):
    table = layer_scores(HAND, aggregation)
    assert table["layer"].to_list() == [1, 2]
    assert table["score"].to_list() == approx(scores)


def test_ratio_of_sums_by_hand():
    # Effects 1.6 + 0.8 + 0.4 over three pairs whose d sums to 6.
    assert layer_scores(HAND)["ratio_of_sums"].to_list() == approx([2.8 / 6, 0.0])


def test_unknown_aggregation():
    with pytest.raises(ValueError, match="choose one of cue, scope, drop"):
        layer_scores(HAND, "mean")


def pairs_of(differences):
    """Two blocks; at the first, CTE at the cue is 0.5, at the second lower by one difference."""
    rows = [
        {"condition": f"C{i}", "subset": "negation in caption", "role": "cue", "site": "residual",
         "layer": layer, "cte_mean": value, "sum_effect": value, "sum_d": 1.0, "position": 3}
        for i, d in enumerate(differences)
        for layer, value in enumerate((1.0, 0.5, 0.5 - d))
    ]  # fmt: skip
    return pl.DataFrame(rows)


def test_a_range_within_its_scatter_is_noise():
    assert not within_noise(pairs_of([0.2, 0.25, 0.35, 0.4, 0.3, 0.3, 0.2, 0.4]))
    assert within_noise(pairs_of([-0.3, 0.6, -0.2, 0.3, -0.4, 0.5, -0.1, 0.2]))
    assert within_noise(pairs_of([0.2]))
    # Consistent, but a hundredth of the effect.
    assert within_noise(pairs_of([0.01, 0.01, 0.011, 0.01, 0.01, 0.01, 0.01, 0.01]))


def test_pure_noise_is_rarely_taken_for_a_profile():
    rng = np.random.default_rng(0)
    taken = 0
    for _ in range(40):
        rows = [
            {"condition": f"C{c}", "subset": "negation in caption", "role": "cue",
             "site": "residual", "layer": layer, "cte_mean": rng.normal(), "sum_effect": 0.0,
             "sum_d": 1.0, "position": 3}
            for c in range(10) for layer in range(13)
        ]  # fmt: skip
        taken += not within_noise(pl.DataFrame(rows))
    assert taken <= 6


class PlantedTower:
    """Block 3 of 5 moves the content of the cue's row to the last row; others do nothing."""

    causal, n_layers, n_heads, moves, cue = True, 5, 1, 3, 1

    def embed(self, ids):
        return torch.nn.functional.one_hot(ids, 8).float()

    def block(self, layer, states):
        states = states.clone()
        if layer == self.moves:
            states[:, -1] += states[:, self.cue]
            states[:, self.cue] = 0
        return states

    def pooled_row(self, ids):
        return torch.full((len(ids),), ids.shape[1] - 1)

    def head(self, rows):
        return normalize(rows, dim=-1)

    def attention(self, layer, states):
        length = states.shape[1]
        return torch.eye(length).expand(len(states), 1, length, length)


def test_a_planted_circuit_is_found_at_its_block():
    correct, foil = torch.tensor([0, 1, 3, 4]), torch.tensor([0, 2, 3, 4])
    tower, image = PlantedTower(), torch.zeros(8)
    image[1], image[2] = 1, -1
    t, f = text_vector(tower, correct), text_vector(tower, foil)
    cte = ((t - sweep(tower, correct, foil)) @ image / (image @ (t - f))).tolist()
    assert [row[1] for row in cte] == approx([1, 1, 1, 0, 0, 0])
    assert [row[3] for row in cte] == approx([0, 0, 0, 1, 1, 1])
    roles = ["start", "cue", "finding", "end"]
    rows = [("caption", "Edema", role, p, [row[p] for row in cte]) for p, role in enumerate(roles)]
    scores = layer_scores(table_of(rows), "drop")["score"].to_list()
    assert scores == approx([0, 0, 1, 0, 0])
