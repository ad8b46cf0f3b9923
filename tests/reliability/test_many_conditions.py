"""A table of many conditions costs what its labels cost, not what its triples would."""

import csv
import os
import random
import subprocess
import sys
import time

import pytest
import yaml

COMMON, PANEL = 10, 5
"""Conditions that every department looks at, and those that one alone does."""
MAPPING = """
layout: wide
columns: {subject_id: patient, study_id: study, split: split}
values: {present: ["1"], absent: ["0"], not_mentioned: [""]}
"""


@pytest.fixture
def facts_of(done, tmp_path):
    """A facts folder of so many conditions; each study has eight labels, however many there are."""

    def _facts_of(conditions, studies=60):
        folder = tmp_path / f"of {conditions}"
        folder.mkdir()
        names = [f"Finding {i:03}" for i in range(conditions)]
        table = {
            name: {
                "term": name.lower(),
                "normal": f"clear zone {name[-3:]}",
                "phrase_class": "equivalent",
            }
            for name in names
        }
        (folder / "conditions.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
        labels = yaml.safe_dump({"labels": {name: name for name in names}})
        (folder / "site.mapping.yaml").write_text(MAPPING + labels)
        panels = [names[i : i + PANEL] for i in range(COMMON, conditions, PANEL)]
        rng = random.Random(conditions)
        with open(folder / "site.csv", "w", newline="") as file:
            out = csv.DictWriter(file, ["patient", "study", "split", *names])
            out.writeheader()
            for number in range(studies):
                panel = panels[number % len(panels)]
                asked = rng.sample(names[:COMMON], 4) + rng.sample(panel, 4)
                found = dict(zip(asked, rng.sample("11100000", 8), strict=True))
                row = {"patient": f"p{number}", "study": f"s{number}", "split": "test"}
                out.writerow(row | found)
        done(
            "facts",
            f"table:{folder / 'site.csv'}",
            "--conditions",
            folder / "conditions.yaml",
            "-o",
            folder / "facts",
        )
        return folder / "facts"

    return _facts_of


def test_three_times_the_conditions_with_as_many_labels_cost_little_more(done, facts_of):
    """90 conditions against 30, in seconds of the processor; the first build loads what it needs.

    Eight labels a study make at most 56 triples of it, whatever the number of conditions.
    """
    few, many = facts_of(30), facts_of(90)
    seconds = {}
    for conditions, facts in ((30, few), (30, few), (90, many)):
        begun = time.process_time()
        done("benchmark", "build", facts, "--allow-leaks", "--fresh", "-o", facts.parent / "out")
        seconds[conditions] = time.process_time() - begun
    assert seconds[90] < 4 * seconds[30], seconds


@pytest.mark.slow
def test_three_hundred_conditions_take_less_than_twenty_seconds(facts_of):
    facts = facts_of(300, studies=400)
    build = ["benchmark", "build", str(facts), "--allow-leaks", "-o", str(facts.parent / "out")]
    command = [sys.executable, "-c", "import sys; from nast.cli import main; main(sys.argv[1:])"]
    try:
        code = subprocess.run(
            [*command, *build], timeout=20, env=os.environ, stdout=subprocess.DEVNULL
        ).returncode
    except subprocess.TimeoutExpired:
        code = "not done after 20 seconds"
    assert code == 0
