"""Splits by patient: 80/10/10, from the id and the seed alone."""

from collections import Counter

import polars as pl
import pytest
from built import resealed
from hypothesis import given, settings
from hypothesis import strategies as st
from small import mimic

from nast.benchmark.build import build_benchmark
from nast.errors import InputError, UsageError
from nast.records import SPLITS
from nast.sources.collect import build_facts, read_facts
from nast.sources.splits import add_split, patients_by_split, split_of


def test_shares():
    counts = Counter(split_of(str(10_000_000 + i)) for i in range(5000))
    # Three standard deviations of a binomial: 85 for 0.8, 64 for 0.1.
    assert abs(counts["train"] - 4000) < 85
    assert abs(counts["validate"] - 500) < 64
    assert abs(counts["test"] - 500) < 64


@settings(max_examples=50, deadline=None)
@given(st.text(), st.integers())
def test_a_patient_has_one_split(subject, seed):
    assert split_of(subject, seed) == split_of(subject, seed)
    assert split_of(subject, seed) in SPLITS


def test_another_seed_gives_another_division():
    ids = [str(i) for i in range(200)]
    assert [split_of(i) for i in ids] != [split_of(i, 1) for i in ids]


def test_studies_of_a_patient_stay_together():
    studies = pl.DataFrame({"subject_id": [str(i // 3) for i in range(90)]})
    divided = add_split(studies)
    assert divided["subject_id"].to_list() == studies["subject_id"].to_list()
    assert divided.unique().height == 30
    assert divided["split"].n_unique() == 3


def test_no_studies():
    assert add_split(pl.DataFrame(schema={"subject_id": pl.String})).columns == [
        "subject_id",
        "split",
    ]


def finished(folder, *patients, name="t.parquet"):
    """A finished folder with one table of patients: (subject, split)."""
    folder.mkdir(exist_ok=True)
    table = pl.DataFrame(
        patients, schema={"subject_id": pl.String, "split": pl.String}, orient="row"
    )
    table.with_columns(score=pl.lit(0.5)).write_parquet(folder / name)
    return resealed(folder)


def test_patients_are_counted_by_split(tmp_path):
    first = finished(tmp_path / "a", ("p1", "train"), ("p1", "train"), ("p2", "test"))
    second = finished(tmp_path / "b", ("p2", "test"), ("p3", "test"))
    assert patients_by_split([first]) == {"test": 1, "train": 1}
    assert patients_by_split([first, second]) == {"test": 2, "train": 1}
    assert patients_by_split([first, first]) == {"test": 1, "train": 1}


def test_a_real_build_and_all_that_follows_is_proven(facts, tmp_path):
    build_benchmark(facts, tmp_path / "questions", limit=20)
    studies, _ = read_facts(facts)
    patients = studies.select("subject_id", "split").unique()
    found = patients_by_split([facts, tmp_path / "questions"])
    assert found == dict(patients["split"].value_counts().rows())
    assert sum(found.values()) == studies["subject_id"].n_unique() == 60


def test_a_patient_in_two_splits_is_found_within_a_folder(tmp_path):
    folder = finished(tmp_path / "a", ("p17", "train"), ("p17", "test"), ("p18", "test"))
    with pytest.raises(InputError, match=r"found 1 patients in two splits \(test and train\)"):
        patients_by_split([folder])


def test_a_patient_in_two_splits_is_found_across_tables_and_folders(tmp_path):
    one = finished(tmp_path / "a", ("p17", "train"))
    two = finished(tmp_path / "b", ("p17", "test"))
    with pytest.raises(InputError, match=r"a and .*b.*: found 1 patients in two splits") as error:
        patients_by_split([one, two])
    assert "p17" not in str(error.value)
    finished(one, ("p17", "validate"), name="u.parquet")
    with pytest.raises(InputError, match=r"two splits \(train and validate\)"):
        patients_by_split([one])


def test_patients_of_two_builds_are_compared(tmp_path):
    study = {"subject": 10000032, "study": 50414267, "split": "train"}
    for name, split in (("a", "train"), ("b", "test")):
        root = mimic(tmp_path / f"m{name}", [study | {"split": split}])
        build_facts([f"mimic-cxr-jpg:{root}"], tmp_path / name)
        assert patients_by_split([tmp_path / name]) == {split: 1}
    with pytest.raises(InputError, match="two splits"):
        patients_by_split([tmp_path / "a", tmp_path / "b"])


def test_only_finished_folders_with_patients_are_checked(tmp_path):
    folder = finished(tmp_path / "a", ("p1", "train"))
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        patients_by_split([folder])
    with pytest.raises(InputError, match=r"no manifest\.json"):
        patients_by_split([tmp_path / "gone"])
    (tmp_path / "b").mkdir()
    pl.DataFrame({"subject_id": ["p1"]}).write_parquet(tmp_path / "b" / "t.parquet")
    resealed(tmp_path / "b")
    with pytest.raises(InputError, match="no table with patients and splits"):
        patients_by_split([tmp_path / "b"])
    with pytest.raises(UsageError, match="--check needs finished folders"):
        patients_by_split([])


def test_a_damaged_table_is_refused(tmp_path):
    folder = finished(tmp_path / "a", ("p1", "train"))
    (folder / "t.parquet").write_bytes(b"PAR1 no")
    resealed(folder)
    with pytest.raises(InputError):
        patients_by_split([folder])
