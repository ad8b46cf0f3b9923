"""Imported files of peers, scored by their own rule, against their scorers written again."""

import csv
import json

import numpy as np
import pytest
from built import TableModel
from PIL import Image

from nast.evaluation.evaluate import evaluate
from nast.exchange.importing import import_items
from nast.store import read_json

RNG = np.random.default_rng(4)
TEXTS = [f"caption {i}" for i in range(12)]
VECTORS = {t: np.add(RNG.integers(0, 2, 3), (0, 0, 1)).tolist() for t in TEXTS}
"""A few directions only, so that many captions tie."""
IMAGES = {f"{i}.png": np.add(RNG.integers(0, 2, 3), (1, 0, 0)).tolist() for i in range(6)}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    for i in range(6):
        Image.new("L", (8, 8), 30 * i).save(folder / f"{i}.png")
    return folder


def model():
    found = TableModel(VECTORS, IMAGES)
    found.made_from = []
    return found


def cosine(text, image):
    """As the model gives it: unit vectors of single precision."""
    return float(
        (model().encode_images([f"{image}.png"])[0] * model().encode_texts([text])[0]).sum()
    )


def argmax_accuracy(items):
    """The peers' rule (mcq.py of NegBench 2ac009b): the first of the best options."""
    hits = [int(np.argmax([cosine(t, image) for t in texts])) == answer
            for image, texts, answer in items]  # fmt: skip
    return float(np.mean(hits))


def strict_accuracy(items):
    """Ours, which is also ARO's rule with its options [false, true]: a tie is wrong."""
    hits = []
    for image, texts, answer in items:
        scores = [cosine(t, image) for t in texts]
        hits.append(scores[answer] == max(scores) and scores.count(max(scores)) == 1)
    return float(np.mean(hits))


def items_of(k, answer=None):
    for number in range(60):
        picked = [TEXTS[i] for i in RNG.permutation(len(TEXTS))[:k]]
        yield number % 6, picked, number % k if answer is None else answer


def negbench(items, folder):
    names = [f"caption_{i}" for i in range(4)]
    with open(folder / "mcq.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_path", "correct_answer", *names, "correct_answer_template"])
        for image, texts, answer in items:
            rows.writerow([f"{image}.png", answer, *texts, "hybrid"])
    return folder / "mcq.csv", "negbench-mcq"


def sugar_crepe(items, folder):
    found = {f"i{n}": {"filename": f"{image}.png", "caption": t[0], "negative_caption": t[1]}
             for n, (image, t, _) in enumerate(items)}  # fmt: skip
    (folder / "replace_obj.json").write_text(json.dumps(found))
    return folder / "replace_obj.json", "sugar-crepe"


def aro(items, folder):
    found = [{"image_path": f"{image}.png", "true_caption": t[0], "false_caption": t[1]}
             for image, t, _ in items]  # fmt: skip
    (folder / "aro.json").write_text(json.dumps(found))
    return folder / "aro.json", "aro"


@pytest.mark.parametrize(("write", "k", "answer"), [(negbench, 4, None), (negbench, 4, 0),
                                                    (sugar_crepe, 2, 0), (aro, 2, 0)])  # fmt: skip
def test_both_rules_are_those_of_the_scorers(images, tmp_path, write, k, answer):
    items = list(items_of(k, answer))
    file, source = write(items, tmp_path)
    import_items(file, tmp_path / "data", source, image_root=images, policy="open")
    found = {}
    for protocol in ("negbench", "default"):
        evaluate([model()], [tmp_path / "data"], tmp_path / protocol, protocol=protocol)
        figures = read_json(tmp_path / protocol / "metrics.json")["table"]
        # Captions without negators: the whole file is in the affirmative form.
        found[protocol] = figures["claims/accuracy/affirmative"]["value"]
    assert found == {"negbench": argmax_accuracy(items), "default": strict_accuracy(items)}
    # Else the file would say nothing about ties.
    assert found["negbench"] > found["default"]
