"""Layer scores by hand, intervals, noise, rank correlation, and a planted circuit that is found."""

import numpy as np
import polars as pl
import pytest
import torch
from built import text_vector
from pytest import approx
from torch.nn.functional import normalize

from nast.layers import AGGREGATIONS
from nast.tracing.aggregate import (
    layer_scores,
    merged,
    pair_scores,
    rank_correlation,
    within_noise,
)
from nast.tracing.patching import SITES, sweep


def table_of(cells):
    """(subset, condition, role, position, site, [CTE per layer 0..2]); d sums to 2 per pair."""
    rows = [
        {
            "subset": s,
            "condition": c,
            "role": role,
            "position": p,
            "site": site,
            "layer": layer,
            "cte_mean": value,
            "sum_effect": None if value is None else 2 * value,
            "sum_d": 2.0,
        }
        for s, c, role, p, site, values in cells
        for layer, value in enumerate(values)
        if site == "residual" or layer
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


HAND = table_of(
    [
        ("caption", "Edema", "cue", 3, "residual", [1.0, 0.8, 0.0]),
        ("caption", "Edema", "finding", 4, "residual", [0.0, 0.2, 0.0]),
        ("caption", "Fracture", "cue", 3, "residual", [1.0, 0.4, 0.0]),
        ("caption", "Fracture", "finding", 4, "residual", [0.0, 0.2, 0.0]),
        ("caption", "Fracture", "finding", 5, "residual", [0.0, 0.6, 0.0]),
        ("foil", "Edema", "cue", 3, "residual", [1.0, 0.2, 0.0]),
        ("foil", "Edema", "finding", 4, "residual", [0.0, 0.4, 0.0]),
        ("foil", "Edema", "end", 6, "residual", [0.0, 0.9, 1.0]),
        ("caption", "Edema", "cue", 3, "mlp", [0.0, 0.1, 0.0]),
        ("caption", "Edema", "end", 6, "mlp", [0.0, 0.2, 0.1]),
        ("caption", "Edema", "end", 6, "attention", [0.0, 0.3, 0.5]),
    ]
)


@pytest.mark.parametrize(
    ("aggregation", "scores"),
    [
        # caption: (0.8 + 0.4) / 2 = 0.6; foil: 0.2; each subset weighs one half.
        ("cue", [0.4, 0.0]),
        # Edema (0.8 + 0.2) / 2 = 0.5, Fracture (0.4 + 0.2 + 0.6) / 3 = 0.4; foil 0.3.
        ("scope", [(0.45 + 0.3) / 2, 0.0]),
        ("drop", [0.6, 0.4]),
        ("input", [1.0, 0.4]),
        ("module", [0.6, 0.6]),
    ],
)
def test_layer_scores_by_hand(aggregation, scores):
    table = merged(layer_scores(pair_scores(HAND)), aggregation)
    assert table["layer"].to_list() == [1, 2]
    assert table["score"].to_list() == approx(scores)


def test_ratio_of_sums_by_hand():
    # Effects 1.6 + 0.8 + 0.4 over three pairs whose d sums to 6.
    rows = merged(layer_scores(pair_scores(HAND)), "cue")
    assert rows["ratio_of_sums"].to_list() == approx([2.8 / 6, 0.0])


def test_subsets_and_conditions_stand_apart():
    scores = layer_scores(pair_scores(HAND)).filter(aggregation="cue", layer=1)
    found = {(c, s): v for c, s, v in scores.select("condition", "subset", "score").rows()}
    assert found == {
        ("all", "both"): approx(0.4),
        ("all", "caption"): approx(0.6),
        ("all", "foil"): approx(0.2),
        ("Edema", "both"): approx(0.5),
        ("Fracture", "both"): approx(0.4),
    }


def test_attention_and_gradients_become_profiles():
    edema = {"condition": ["Edema"] * 4, "layer": [1, 1, 2, 2]}
    heads = {"head": [1, 2, 1, 2], "selectivity": [0.2, 0.4, 0.0, 0.1]}
    attention = pl.DataFrame(edema | heads)
    gradients = pl.DataFrame(
        edema | {"subset": ["caption", "foil"] * 2, "score": [0.5, 0.3, 0.25, 0.15]}
    )
    scores = layer_scores(pair_scores(HAND, attention, gradients))
    assert merged(scores, "attention")["score"].to_list() == approx([0.3, 0.05])
    assert merged(scores, "gradnorm")["score"].to_list() == approx([0.4, 0.2])
    assert merged(scores, "gradnorm")["ratio_of_sums"].to_list() == [None, None]
    assert set(scores["aggregation"]) == set(AGGREGATIONS)


def test_unknown_aggregation():
    with pytest.raises(ValueError, match="choose one of cue, drop, input, module, scope"):
        merged(layer_scores(pair_scores(HAND)), "mean")


def pairs_of(profiles, aggregation="cue"):
    """Scores (conditions, blocks) of one aggregation."""
    return pl.DataFrame(
        [
            {
                "aggregation": aggregation,
                "condition": f"C{i:02}",
                "subset": "negation in caption",
                "layer": layer,
                "score": float(value),
                "sum_effect": float(value),
                "sum_d": 1.0,
            }
            for i, profile in enumerate(profiles)
            for layer, value in enumerate(profile, 1)
        ]
    )


def test_intervals_are_those_of_a_bootstrap_over_conditions():
    values = np.random.default_rng(3).normal(0.5, 0.2, size=(10, 1))
    row = layer_scores(pairs_of(values)).filter(condition="all", subset="both")
    draws = np.random.default_rng(7).choice(values[:, 0], size=(20000, 10)).mean(1)
    assert row["score"].item() == approx(values.mean())
    assert row["low"].item() == approx(np.quantile(draws, 0.025), abs=0.015)
    assert row["high"].item() == approx(np.quantile(draws, 0.975), abs=0.015)
    alone = layer_scores(pairs_of(values)).filter(condition="C00")
    assert alone["low"].item() is None


def with_range(differences):
    """CTE 0.5 at the first block, lower by one difference at the second."""
    return pairs_of([(0.5, 0.5 - d) for d in differences])


def test_a_range_within_its_scatter_is_noise():
    assert not within_noise(with_range([0.2, 0.25, 0.35, 0.4, 0.3, 0.3, 0.2, 0.4]))
    assert within_noise(with_range([-0.3, 0.6, -0.2, 0.3, -0.4, 0.5, -0.1, 0.2]))
    assert within_noise(with_range([0.2]))
    # Consistent, but a hundredth of the effect.
    small = [0.01, 0.01, 0.011, 0.01, 0.01, 0.01, 0.01, 0.01]
    assert within_noise(with_range(small))
    # What is no effect is compared with its own size.
    rows = pairs_of([(d, 0.0) for d in small], "gradnorm")
    assert not within_noise(rows, "gradnorm")


def test_pure_noise_is_rarely_taken_for_a_profile():
    rng = np.random.default_rng(0)
    taken = sum(not within_noise(pairs_of(rng.normal(size=(10, 12)))) for _ in range(40))
    assert taken <= 6


def test_rank_correlation_by_hand():
    rows = [
        pairs_of([[4, 3, 2, 1]] * 3),
        pairs_of([[9, 5, 6, 0]] * 3, "attention"),
        pairs_of([[1, 1, 1, 1]] * 3, "drop"),
    ]
    pairs = pl.concat(rows)
    # Ranks 4 3 2 1 and 4 2 3 1: 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15) = 0.8.
    found = rank_correlation(pairs, "cue")
    assert found == {"value": approx(0.8), "interval": approx([0.8, 0.8]), "n": 3}
    assert rank_correlation(pairs, "drop")["value"] is None
    assert rank_correlation(pairs, "scope") == {"value": None, "interval": None, "n": 0}


class PlantedTower(torch.nn.Module):
    """Attention of block 3 of 5 moves what stands at the cue to the end; nothing else does."""

    causal, n_layers, n_heads, moves = True, 5, 1, 3
    read_layers, padding_matters = (5,), False
    END, CUES = 4, (1, 2)

    def __init__(self):
        super().__init__()
        self.written = torch.nn.ModuleList(
            torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()]) for _ in range(5)
        )

    def embed(self, ids):
        return torch.nn.functional.one_hot(ids, 8).float()

    def block(self, layer, states, mask=None, rows=None):
        attention, mlp = self.writers(layer)
        wrote = torch.zeros_like(states)
        if layer == self.moves:
            if mask is None or mask.dim() == 2:
                mask = torch.ones(states.shape[1], states.shape[1]).tril()
            content = torch.zeros_like(states)
            content[..., self.CUES] = states[..., self.CUES]
            at_end = states[..., self.END, None]
            wrote = at_end * (mask.float() @ content) - content
        states = states + attention(wrote)
        states = states + mlp(torch.zeros_like(states))
        return states if rows is None else states[:, rows]

    def writers(self, layer):
        return tuple(self.written[layer - 1])

    def pooled_row(self, ids, mask=None):
        return (ids == self.END).int().argmax(dim=-1)

    def read(self, states, ids, mask=None):
        return normalize(states[5][torch.arange(len(ids)), self.pooled_row(ids)], dim=-1)


def test_a_planted_circuit_is_found_at_its_block():
    correct, foil = torch.tensor([0, 1, 3, 4]), torch.tensor([0, 2, 3, 4])
    tower, image = PlantedTower(), torch.zeros(8)
    image[1], image[2] = 1, -1
    t, f = text_vector(tower, correct), text_vector(tower, foil)
    found = sweep(tower, correct, foil, sites=SITES)
    cte = {s: ((t - v) @ image / (image @ (t - f))).tolist() for s, v in found.items()}
    assert [row[1] for row in cte["residual"]] == approx([1, 1, 1, 0, 0, 0])
    assert [row[3] for row in cte["residual"]] == approx([0, 0, 0, 1, 1, 1])
    assert [row[3] for row in cte["attention"]] == approx([0, 0, 0, 1, 0, 0])
    assert np.abs(cte["mlp"]).max() < 1e-6
    roles = ["start", "cue", "finding", "end"]
    table = table_of(
        [
            ("caption", "Edema", role, p, site, [row[p] for row in rows])
            for site, rows in cte.items()
            for p, role in enumerate(roles)
        ]
    )
    scores = layer_scores(pair_scores(table))
    for aggregation in ("drop", "module"):
        assert merged(scores, aggregation)["score"].to_list() == approx([0, 0, 1, 0, 0], abs=1e-6)
    assert merged(scores, "cue")["score"].to_list() == approx([1, 1, 0, 0, 0], abs=1e-6)
