"""What words alone get in candidate lists: K, lists, images, R@1 and R@5 of blind rankings.

    python benchmarks/candidate_lists.py [--reports NLMCXR_reports.tgz] [--keep DIR]

On drawn phantoms of 500 and 1,000 patients, on tables of the size of MIMIC-CXR-JPG and CAD-Chest,
and, where the archive is given, on Indiana University's reports. `training`: how often a statement
is true of training patients; `own`: how often it is right among these very lists; `n-grams`: naive
Bayes over one and two words, fitted on the other half of the patients. Intervals are percentile
bootstraps over patients.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from sources_speed import STUDIES, make

from nast.contextual.candidates import candidate_lists, halves
from nast.contextual.statements import sayable
from nast.items.audit import Audited, _fit_ngrams, _grams
from nast.measuring.values import hit_probability
from nast.sources.collect import build_facts, read_facts
from nast.statistics.bootstrap import clustered_mean


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=Path)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    print("| data | split | polarity | K | lists | images | ranking | R@1 (1/K) | R@5 (5/K) |")
    print("| --- " * 9 + "|")
    with tempfile.TemporaryDirectory() as passing:
        root = asked.keep or Path(passing)
        for name, facts in sources(root, asked.reports):
            measured(name, facts)


def sources(root, reports):
    from nast.phantom.write import build_phantom

    for patients in (500, 1000):
        tree = root / f"phantom-{patients}"
        if not tree.is_dir():
            build_phantom(tree, patients, 11)
        cad = f"cad-chest:{tree / 'cad_disease.json'}"
        yield f"phantom, {patients} patients", facts_of([f"mimic-cxr-jpg:{tree}", cad], tree)
    tree = root / "cad"
    if not tree.is_dir():
        make(tree, STUDIES)
    cad = f"cad-chest:{tree / 'cad_disease.json'}"
    yield f"CAD-Chest-like, {STUDIES:,} studies", facts_of([f"mimic-cxr-jpg:{tree}", cad], tree)
    if reports:
        yield "Indiana University", facts_of([f"iu-xray:{reports}"], root / "iu")


def facts_of(specs, tree):
    folder = tree.with_name(tree.name + "-facts")
    build_facts(specs, folder)
    return folder


def measured(name, folder):
    known = read_facts(folder)
    said = sayable(known.studies, known.facts, known.conditions)
    start = time.perf_counter()
    lists = candidate_lists(said, known.facts, conditions=known.conditions)
    seconds = time.perf_counter() - start
    counts = true_in_training(said)
    for (split, polarity), part in sorted(lists.group_by("split", "polarity")):
        k = part["candidates"].list.len().max()
        for ranking, scores in rankings(part, counts).items():
            cells = [
                f"{value:.3f} [{low:.3f}, {high:.3f}]"
                for value, low, high in recalls(part, scores, k)
            ]
            first = [name, split, polarity, k, f"{len(part):,}", part["study_id"].n_unique()]
            print(
                "|", " | ".join(map(str, [*first, ranking, *cells, *["-"] * (2 - len(cells))])), "|"
            )
    print(f"{name}: {len(lists):,} lists in {seconds:.1f} s", flush=True)


def true_in_training(said):
    """Fact -> of how many training studies it is true."""
    train = said.studies.with_row_index("study").filter(split="train").select("study")
    held = said.held.join(train, on="study", how="semi").group_by("annotation").len()
    counts = (
        held.join(said.entailed, on="annotation").group_by("statement").agg(pl.col("len").sum())
    )
    return {tuple(said.statements[s].fact.as_dict().values()): n for s, n in counts.iter_rows()}


def rankings(part, counts):
    rights = Counter(texts[at] for texts, at in part.select("candidates", "answer").rows())
    shown = Counter(part["candidates"].explode())
    facts = part["facts"].to_list()
    return {
        "training": [[counts.get(tuple(f.values()), 0) for f in row] for row in facts],
        "own": [[rights[t] / shown[t] for t in row] for row in part["candidates"]],
        "n-grams": grams(part),
    }


def grams(part):
    half = halves(part["subject_id"]).to_list()
    rows = part.select("candidates", "answer").rows()
    items = [Audited(tuple(t), a, str(h)) for (t, a), h in zip(rows, half, strict=True)]
    fitted = {
        h: _fit_ngrams([i for i, at in zip(items, half, strict=True) if at != h] or items, _grams)
        for h in set(half)
    }
    return [fitted[h](item) for item, h in zip(items, half, strict=True)]


def recalls(part, scores, k):
    scores = np.array(scores)
    right = np.take_along_axis(scores, part["answer"].to_numpy()[:, None], axis=1)
    ties = np.isclose(scores, right, rtol=0, atol=1e-9)
    above = ((scores > right) & ~ties).sum(axis=1)
    for top in (1, 5) if k > 5 else (1,):
        hits = [
            hit_probability(int(a), int(t), 1, top) for a, t in zip(above, ties.sum(1), strict=True)
        ]
        found = clustered_mean(np.array(hits), {"patients": part["subject_id"].to_list()}, 0)
        yield found.value, found.low, found.high


if __name__ == "__main__":
    main()
