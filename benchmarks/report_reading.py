"""How well the sentence reader reads real reports, and how fast.

    python benchmarks/report_reading.py --reports NLMCXR_reports.tgz --gold openi_gld_std14.csv
        [--sentences] [--keep BASE.json] [--lost BASE.json]

The gold labels are those of NegBio (Peng et al., 2018) for 3,851 Indiana University reports; they
know presence only. "found": reports in which a denial is read, limited ones included; "absent":
those that become the fact "absent"; "wrong": absent facts where the gold has the finding.

`--sentences` scores the sentences of `tests/language`: those drawn from the reports, which are
kept as hashes, with Wilson intervals at 95 %, and the cases. `--keep` writes the denials that were
found, and `--lost` samples those that an earlier run found and this one does not.
"""

import argparse
import csv
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from hashlib import sha256
from math import sqrt
from pathlib import Path

from nast.facts.conditions import CONDITIONS
from nast.language.read.parse import read, survey
from nast.language.write.llm.validate import check_negated
from nast.language.write.templates import STYLES, sentence
from nast.records import Fact
from nast.sources.io.members import read_members
from nast.sources.iu_xray import Report, parse_report, read_iu_xray

_SAME = "Pneumothorax,Consolidation,Edema,Pneumonia,Atelectasis,Cardiomegaly"
GOLD = {"Pleural Effusion": "Effusion"} | {name: name for name in _SAME.split(",")}
"""Our condition -> the column of the gold labels."""
TESTS = Path(__file__).parents[1] / "tests"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reports", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--sentences", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--lost", type=Path)
    args = parser.parse_args()
    reports = [
        parse_report(data, args.reports, name)
        for name, data in read_members(args.reports, ".xml", "Open-i reports")
    ]
    _print_speed(args.reports, reports)
    denied = _print_gold(args.reports, args.gold, reports)
    if args.sentences:
        _print_sentences(reports)
        _print_templates()
    if args.keep:
        args.keep.write_text(json.dumps({k: sorted(v) for k, v in denied.items()}))
    if args.lost:
        _print_lost(json.loads(args.lost.read_text()), denied, reports)


def _print_speed(file: Path, reports: list[Report]) -> None:
    began = time.perf_counter()
    source = read_iu_xray(file)
    print(f"archive to facts: {time.perf_counter() - began:.1f} s")
    account = Counter(source.annotations)
    print("; ".join(f"{name} {n:,}" for name, n in account.items() if name.startswith("not read")))
    texts = _sentences(reports)
    began = time.perf_counter()
    for text in texts:
        survey(text)
    each = (time.perf_counter() - began) / len(texts)
    print(f"a sentence of {len(texts):,}: {1e3 * each:.2f} ms")
    rng = random.Random(0)
    words = "no without effusion edema left , and or small heart size is normal not absent : ( )"
    worst = 0.0
    for size in (5, 20, 60, 100, 200, 2_000):
        for _ in range(100):
            text = " ".join(rng.choices(words.split(), k=size))
            began = time.process_time()
            survey(text)
            worst = max(worst, time.process_time() - began)
    print(f"the slowest of 600 made-up ones of up to 2,000 words: {1e3 * worst:.0f} ms")


def _print_gold(file: Path, gold_file: Path, reports: list[Report]) -> dict[str, set[str]]:
    """The table of denials; returns condition -> reports of the gold that deny it."""
    with open(gold_file, encoding="utf-8") as lines:
        gold = {row.pop("filename"): row for row in csv.DictReader(lines)}
    denied: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        for reading in read(report.text) if report.study_id in gold else ():
            if reading.fact.existence == "absent":
                denied[reading.fact.condition].add(report.study_id)
    rows = read_iu_xray(file).facts.filter(source="iu-text").select("study_id", "condition")
    kept = defaultdict(set)
    for study, name in rows.iter_rows():
        kept[name].add(study)
    print("| condition | found | absent | wrong |\n|---|---|---|---|")
    for name, column in GOLD.items():
        absent = kept[name] & set(gold)
        wrong = sum(gold[study][column] == "1" for study in absent)
        print(f"| {name} | {len(denied[name]):,} | {len(absent):,} | {wrong} |")
    return denied


def _sentences(reports: list[Report]) -> list[str]:
    """The distinct sentences of reports, in small letters."""
    parts = (s for r in reports for s in re.split(r"(?<=[.!?])\s+|\n", r.text))
    return sorted({" ".join(part.split()).lower() for part in parts if part.strip()})


def _print_sentences(reports: list[Report]) -> None:
    sys.path.insert(0, str(TESTS))
    from read_by_hand import rows, score

    text = {sha256(s.encode()).hexdigest()[:16]: s for s in _sentences(reports)}
    drawn = defaultdict(list)
    for row in rows("iu_sentences.tsv"):
        drawn[row["half"]].append((text[row["hash"]], row["reading"]))
    for row in rows("kinds.tsv"):
        drawn[f"kinds, {row['origin']}"].append((row["sentence"], row["reading"]))
    drawn["cases"] = [(row["sentence"], row["reading"]) for row in rows("cases.tsv")]
    for name, told in drawn.items():
        count = score(told)
        print(
            f"{name}: {count['right']} of {len(told)} right, {count['flipped']} flipped, "
            f"{count['extra']} not said"
        )
        for kind in ("absent", "present"):
            said, there = count[f"said {kind}"], count[f"there {kind}"]
            print(
                f"  {kind}: precision {_share(count[f'right {kind}'], said)}, without side, zone "
                f"and grade {_share(count[f'kind {kind}'], said)}, "
                f"recall {_share(count[f'right {kind}'], there)}"
            )


def _share(part: int, whole: int) -> str:
    """A share with Wilson's interval at 95 %."""
    z, p = 1.96, part / max(whole, 1)
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return f"{part} of {whole} [{100 * (middle - half):.1f}, {100 * (middle + half):.1f}]"


def _print_templates() -> None:
    """How many sentences of templates the check of generated texts refuses."""
    rng, refused, whole = random.Random(1), 0, 0
    names = CONDITIONS.labelled()
    for _ in range(300):
        chosen = rng.sample(names, rng.randint(1, 3))
        facts = [Fact(name, rng.choice(("present", "absent"))) for name in chosen]
        for style in STYLES:
            whole += 1
            refused += check_negated(sentence(facts, style, "negated"), facts) is not None
    print(f"sentences of templates that the check refuses: {refused} of {whole}")


def _print_lost(
    before: dict[str, list[str]], denied: dict[str, set[str]], reports: list[Report]
) -> None:
    """A sample of the denials that an earlier run found, with the text of their reports."""
    texts = {report.study_id: report.text for report in reports}
    for name in GOLD:
        lost = sorted(set(before.get(name, ())) - denied[name])
        print(f"\n{name}: {len(lost)} no longer found")
        for study in random.Random(0).sample(lost, min(10, len(lost))):
            print(f"  {study}: {' '.join(texts[study].split())[:400]}")


if __name__ == "__main__":
    main()
