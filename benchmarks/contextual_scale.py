"""How long image-text pairs take at the size of CAD-Chest, how much memory, and how that grows.

    python benchmarks/contextual_scale.py [--keep FOLDER] [--most 10000000]

The annotations are those of `sources_speed.py`: made up, with the real columns, sizes and
frequencies. Each measurement runs in a new process, after its imports. Beside the columns stands a
plain loop over studies that makes the same rows, checked by hash, from the same weights. The last
line builds with one thread of polars and with eight, and compares the bytes.
"""

import argparse
import math
import os
import resource
import subprocess
import sys
import time
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

PAIRS = (10_000, 100_000, 1_000_000, 10_000_000)
PLAIN = 100_000
MASK = 2**64 - 1


def make_facts(root):
    from sources_speed import STUDIES, make

    from nast.sources.collect import build_facts

    if not (root / "facts" / "manifest.json").is_file():
        make(root / "cad", STUDIES)
        cad = root / "cad"
        specs = [f"mimic-cxr-jpg:{cad}", f"cad-chest:{cad / 'cad_disease.json'}"]
        build_facts(specs, root / "facts")


def tables(root, pairs):
    """Studies and facts for about so many pairs at three a study, and the wordings of each."""
    from nast.sources.collect import read_facts

    studies, facts = read_facts(root / "facts")
    wordings = max(1, math.ceil(pairs / (3 * facts["study_id"].n_unique())))
    ids = facts["study_id"].unique().sort().head(math.ceil(pairs / 3 / wordings))
    return studies, facts.join(ids.to_frame(), on="study_id", how="semi"), wordings


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def columns(root, pairs, out):
    """Seconds, processor seconds, MB and rows of writing `captions.parquet`."""
    from nast.contextual.build import write_slices
    from nast.contextual.captions import plan_captions

    studies, facts, wordings = tables(root, pairs)
    start, busy = time.perf_counter(), time.process_time()
    plan = plan_captions(studies, facts, paraphrases=wordings)
    cells = write_slices(out / "captions.parquet", plan)
    spent = time.perf_counter() - start, time.process_time() - busy
    return *spent, memory(), int(cells["len"].sum())


def whole(root, out):
    """The same of `nast contextual build` with two wordings: claim sets, audit and card too."""
    from nast.contextual.build import build_contextual

    start, busy = time.perf_counter(), time.process_time()
    manifest = build_contextual(root / "facts", out / "whole", paraphrases=2)
    spent = time.perf_counter() - start, time.process_time() - busy
    return *spent, memory(), manifest["counts"]["captions"]


def hashed(rows):
    return sha256(repr(rows).encode()).hexdigest()


def beside_plain(root, pairs):
    """Seconds of the columns and of the loop, in one process, and whether the rows are equal."""
    import polars as pl

    from nast.contextual.captions import caption_slices, plan_captions

    studies, facts, wordings = tables(root, pairs)
    start = time.perf_counter()
    plan = plan_captions(studies, facts, paraphrases=wordings)
    parts = list(caption_slices(plan))
    ours = time.perf_counter() - start
    rows = pl.concat(parts).drop("caption_id", "realiser").rows()
    weights = {
        r[:3]: plan.weights[r[3]]
        for r in plan.about.select("polarity", "kind", "condition", "cell").rows()
    }
    start = time.perf_counter()
    theirs = plain(studies, facts, weights, wordings)
    return ours, time.perf_counter() - start, len(rows), hashed(rows) == hashed(theirs)


def plain(studies, facts, weights, wordings, per_study=2, seed=0):
    """A loop over studies, their facts and what can be said of them."""
    from nast.contextual.statements import KINDS, POLARITIES, true_statements
    from nast.hashes import content_hash, seed_of
    from nast.language.write.caption_forms import caption, caption_forms
    from nast.records import Fact

    known, rows = {}, []
    columns = ("study_id", "condition", "existence", "side", "zone", "severity")
    for study_id, *values in facts.select(columns).iter_rows():
        known.setdefault(study_id, {}).setdefault(values[0], []).append(Fact(*values))
    keys = {r["study_id"]: r for r in studies.iter_rows(named=True)}
    hashes = {}
    for study_id in sorted(known):
        start, timed = seed_of(seed, "captions", study_id), []
        for some in known[study_id].values():
            for polarity, kind, fact in true_statements(some):
                if fact not in hashes:
                    hashes[fact] = int(content_hash(fact.as_dict())[:15], 16)
                bits = mixed(start ^ hashes[fact])
                cell = POLARITIES.index(polarity), KINDS.index(kind), fact.condition
                draw = -math.log1p(-(bits >> 11) * 2.0**-53) / weights[cell]
                timed.append((cell[0], draw, kind, fact, bits & 0xFFFF))
        for place, polarity in enumerate(POLARITIES):
            turns, chosen = {}, []
            for _, draw, kind, fact, way in sorted(t for t in timed if t[0] == place):
                turn = turns[fact.condition] = turns.get(fact.condition, -1) + 1
                chosen.append((turn, draw, kind, fact, way))
            for _, _, kind, fact, way in sorted(chosen)[:per_study]:
                forms = caption_forms(fact.existence)
                for again in range(wordings):
                    form = forms[(way + again * len(forms) // wordings) % len(forms)]
                    rows.append(
                        (
                            *(
                                keys[study_id][n]
                                for n in ("subject_id", "study_id", "split", "image_path")
                            ),
                            fact.condition,
                            kind,
                            polarity,
                            caption(fact, form),
                            fact.as_dict(),
                        )
                    )
    return rows


def mixed(number):
    z = (number + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bytes_with(threads, root, out):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from contextual_scale import columns\nfrom pathlib import Path\n"
        f"columns(Path({str(root)!r}), {PLAIN}, Path({str(out)!r}))"
    )
    environment = os.environ | {"POLARS_MAX_THREADS": str(threads)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return sha256((out / "captions.parquet").read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--most", type=int, default=PAIRS[-1])
    args = parser.parse_args()
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool, TemporaryDirectory() as scratch:
        out = Path(scratch)
        root = args.keep or out
        pool.apply(make_facts, (root,))
        print("pairs: seconds (processor), MB")
        for pairs in (n for n in PAIRS if n <= args.most):
            spent, busy, most, rows = pool.apply(columns, (root, pairs, out))
            print(f"captions {rows:>10,}: {spent:6.1f} ({busy:.1f}), {most:,.0f}", flush=True)
        spent, busy, most, rows = pool.apply(whole, (root, out))
        print(f"build    {rows:>10,}: {spent:6.1f} ({busy:.1f}), {most:,.0f}", flush=True)
        ours, theirs, rows, same = pool.apply(beside_plain, (root, PLAIN))
        said = "the same rows" if same else "OTHER ROWS"
        print(
            f"loop     {rows:>10,}: {theirs:6.1f}, columns {ours:.1f}, ratio "
            f"{theirs / ours:.1f}, {said}",
            flush=True,
        )
        one, eight = (bytes_with(n, root, out) for n in (1, 8))
        print(f"1 and 8 threads: {'the same bytes' if one == eight else 'OTHER BYTES'}")


if __name__ == "__main__":
    main()
