"""Imported files of peers, scored by their own rule, against their scorers written again."""

import csv
import json

import numpy as np
import polars as pl
import pytest
from built import TableModel
from made_up import one
from PIL import Image
from pytest import approx

from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.exchange.importing import import_items
from nast.exchange.pair_readers import ARO_CASES
from nast.measuring.ties import TIES
from nast.reporting.joined import join_evaluations
from nast.reporting.tables import tables_of


class Texts(dict):
    """Any other text, such as the neutral ones, has a vector of its own."""

    def __missing__(self, text):
        return [1, 2, 3]


RNG = np.random.default_rng(4)
TEXTS = [f"caption {i}" for i in range(12)]
VECTORS = Texts({t: np.add(RNG.integers(0, 2, 3), (0, 0, 1)).tolist() for t in TEXTS})
"""A few directions only, so that many captions tie."""
IMAGES = {f"{i}.png": np.add(RNG.integers(0, 2, 3), (1, 0, 0)).tolist() for i in range(6)}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    for i in range(6):
        Image.new("L", (8, 8), 30 * i).save(folder / f"{i}.png")
    return folder


def model():
    return TableModel(VECTORS, IMAGES)


def similarities(image, texts):
    """As the model gives them: cosines of unit vectors of single precision."""
    found = model()
    return (found.encode_texts(texts) * found.encode_images([f"{image}.png"])).sum(dim=-1).numpy()


def items_of(k, answer=None):
    """(image, captions, answer): 60 items and ten of them a second time, as released files have."""
    items = []
    for number in range(60):
        picked = [TEXTS[i] for i in RNG.permutation(len(TEXTS))[:k]]
        items.append((number % 6, picked, number % k if answer is None else answer))
    return items + items[:10]


def negbench(items, folder):
    """`mcq.py` of NegBench 2ac009b: the first of the best captions."""
    names = [f"caption_{i}" for i in range(len(items[0][1]))]
    with open(folder / "mcq.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_path", "correct_answer", *names, "correct_answer_template"])
        for image, texts, answer in items:
            rows.writerow([f"{image}.png", answer, *texts, "hybrid"])
    hits = [np.argmax(similarities(image, t)) == answer for image, t, answer in items]
    source = "negbench-mcq" if len(names) > 2 else "negbench-binary"
    return folder / "mcq.csv", source, np.mean(hits)


def cc_neg(items, folder):
    """README of CoN-CLIP 503388a: batches of pairs, the diagonals side by side, argmax is 0."""
    found = [
        {
            "image_path": f"{image}.png",
            "json": {"caption": t[0]},
            "sop_data": {"negative-prompt": t[1]},
        }
        for image, t, _ in items
    ]
    (folder / "ccneg.jsonl").write_text("\n".join(map(json.dumps, found)))
    correct = 0
    for start in range(0, len(items), 32):
        batch = items[start : start + 32]
        dense = [
            np.array([similarities(image, [t[side] for _, t, _ in batch]) for image, _, _ in batch])
            for side in (0, 1)
        ]
        both = np.stack([np.diag(d) for d in dense], axis=1)
        correct += (both.argmax(axis=-1) == 0).sum()
    return folder / "ccneg.jsonl", "cc-neg", correct / len(items)


def crepe_file(items, folder):
    found = {
        f"i{n}": {"filename": f"{image}.png", "caption": t[0], "negative_caption": t[1]}
        for n, (image, t, _) in enumerate(items)
    }
    (folder / "replace_obj.json").write_text(json.dumps(found))
    return folder / "replace_obj.json", "sugar-crepe"


def sugar_crepe(items, folder):
    """`text_retrieval` in `main_eval.py` of RAIVNLab/sugar-crepe 6e45274: more, not as much."""
    scores = [similarities(image, t) for image, t, _ in items]
    correct = sum(1 if float(s[0]) > float(s[1]) else 0 for s in scores)
    return *crepe_file(items, folder), correct / len(items)


def clip_benchmark(items, folder):
    """`image_caption_selection.py:67-75` of CLIP_benchmark 48de38c: text_acc of one image."""
    correct = [
        bool((np.array([similarities(image, t)]).argmax(axis=1) == np.arange(1)).all())
        for image, t, _ in items
    ]
    return *crepe_file(items, folder), np.mean(correct)


def aro_scores(items):
    """N x 1 x 2, the wrong caption first, and `preds == 1` (`evaluate_scores` of ARO 81fdd20)."""
    scores = np.array([[similarities(image, [t[1], t[0]])] for image, t, _ in items])
    return np.argmax(np.squeeze(scores, axis=1), axis=-1) == 1


def aro_file(items, folder, names):
    found = [
        {"image_path": f"{image}.png", "true_caption": t[0], "false_caption": t[1], **name}
        for (image, t, _), name in zip(items, names, strict=True)
    ]
    (folder / "aro.json").write_text(json.dumps(found))
    return folder / "aro.json", "aro"


def aro(items, folder):
    names = [{"relation_name": "on"}] * len(items)
    return *aro_file(items, folder, names), aro_scores(items).mean()


def metrics_of(images, folder, file, source, ties):
    import_items(file, folder / "data", source, image_root=images, access="open")
    evaluate([model()], [folder / "data"], folder / ties, ties=ties)
    return pl.read_parquet(folder / ties / "metrics.parquet")


def accuracy(metrics):
    """Captions without negators: the whole file is in the affirmative form."""
    of = {"task": "choice", "set": "imported", "form": "affirmative", "statistic": "accuracy"}
    return one(metrics, model="table", **of)


def test_imported_items_have_a_table(images, tmp_path):
    """A command that scores them prints what it found."""
    file, source, _ = aro(items_of(2, 0), tmp_path)
    import_items(file, tmp_path / "data", source, image_root=images, access="open")
    evaluate([model()], [tmp_path / "data"], tmp_path / "out")
    (table,) = tables_of(join_evaluations([tmp_path / "out"]), {})
    assert table.name == "imported" and table.header == ("Model", "Affirmative", "Plain")


def beats(metrics):
    """Kind of a wrong option -> how often the right one scores above it, and of how many items."""
    rows = metrics.filter(model="table", set="imported", statistic="beats")
    return {kind: (value, n) for kind, value, n in rows.select("subset", "value", "n").iter_rows()}


PEERS = [
    ("negbench", negbench, 4, None),
    ("negbench", negbench, 4, 0),
    ("negbench", negbench, 2, None),
    ("cc-neg", cc_neg, 2, 0),
    ("sugar-crepe", sugar_crepe, 2, 0),
    ("clip-benchmark", clip_benchmark, 2, 0),
    ("aro", aro, 2, 0),
]


def test_every_peer_is_here():
    assert {name for name, *_ in PEERS} | {"default"} == set(TIES)


@pytest.mark.parametrize(("ties", "peer", "k", "answer"), PEERS)
def test_our_number_under_a_peers_rule_is_its_own(images, tmp_path, ties, peer, k, answer):
    items = items_of(k, answer)
    file, source, theirs = peer(items, tmp_path)
    ours = accuracy(metrics_of(images, tmp_path, file, source, ties))
    assert ours["value"] == approx(theirs, abs=1e-12)
    assert ours["n"] == len(items), "duplicates stay"
    strict = accuracy(metrics_of(images, tmp_path, file, source, "default"))["value"]
    tied = [list(s).count(max(s)) > 1 for s in (similarities(i, t) for i, t, _ in items)]
    assert sum(tied) > 5, "else the file would say nothing about ties"
    assert (strict < theirs) if TIES[ties] == "first" else (strict == approx(theirs))


@pytest.mark.parametrize(("ties", "peer", "k", "answer"), PEERS)
def test_equal_options_are_scored_by_a_peers_rule(images, tmp_path, ties, peer, k, answer):
    items = items_of(k, answer)
    for _, texts, right in items[::7]:
        texts[(right + 1) % k] = texts[right]
    file, source, theirs = peer(items, tmp_path)
    keep = {"image_root": images, "access": "open", "equal_options": True}
    import_items(file, tmp_path / "data", source, **keep)
    evaluate([model()], [tmp_path / "data"], tmp_path / "scores", ties=ties)
    ours = accuracy(pl.read_parquet(tmp_path / "scores" / "metrics.parquet"))
    assert (ours["value"], ours["n"]) == (approx(theirs, abs=1e-12), len(items))
    with pytest.raises(InputError, match="two equal options"):
        evaluate([model()], [tmp_path / "data"], tmp_path / "ours")


@pytest.mark.parametrize("key", ["relation_name", "attributes"])
def test_the_macro_accuracy_of_aro(images, tmp_path, key):
    items = items_of(2, 0)
    names = ["on"] * 30 + ["under"] * ARO_CASES + ["in"] * 15
    values = [[n, "x"] if key == "attributes" else n for n in names]
    file, source = aro_file(items, tmp_path, [{key: v} for v in values])
    found = beats(metrics_of(images, tmp_path, file, source, "aro"))
    hits = aro_scores(items)
    masks = {n: np.array(names) == n for n in dict.fromkeys(names)}
    if key == "attributes":
        masks = {f"{n}_x": m for n, m in masks.items() if m.sum() >= ARO_CASES}
    theirs = {f"{key.removesuffix('_name')}={n}": hits[m].mean() for n, m in masks.items()}
    assert {kind: value for kind, (value, _) in found.items() if "=" in kind} == approx(theirs)


def test_the_pairs_of_cxr_align(images, tmp_path):
    items = items_of(3, 0)[:6]
    found = {
        str(image): dict(zip(("report", "negation", "omitted"), t, strict=True))
        for image, t, _ in items
    }
    for image in range(6):
        Image.new("L", (8, 8), 30 * image).save(tmp_path / f"{image}.jpg")
    (tmp_path / "cxr-align.json").write_text(json.dumps({"mimic": found}))
    table = TableModel(VECTORS, {f"{i}.jpg": IMAGES[f"{i}.png"] for i in range(6)})
    import_items(tmp_path / "cxr-align.json", tmp_path / "data", "cxr-align", image_root=tmp_path)
    evaluate([table], [tmp_path / "data"], tmp_path / "out")
    ours = beats(pl.read_parquet(tmp_path / "out" / "metrics.parquet"))
    scores = np.array([similarities(image, t) for image, t, _ in items])
    for place, name in ((1, "negation"), (2, "omitted")):
        wanted = (scores[:, 0] > scores[:, place]).mean()
        assert ours[name] == (approx(wanted), 6)


def test_an_unknown_rule_for_ties(tmp_path):
    with pytest.raises(UsageError, match="choose default, negbench, cc-neg"):
        evaluate([model()], [tmp_path], tmp_path / "out", ties="ccneg")
