"""Sources joined: policies, mixing, splits, images that cannot be read, unfinished folders."""

import json
import shutil

import pytest
from small import cad, mimic, nih, picture

from nast.benchmark.questions import build_benchmark
from nast.contextual.build import build_contextual
from nast.errors import InputError, NastError, PolicyError, UsageError
from nast.sources.collect import build_facts, collect, read_facts, require_images, split_spec
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.source import image_problem
from nast.store import file_hash

STUDY = {"subject": 10000032, "study": 50414267, "split": "train"}
POSITIVE = {"probability": "positive", "probability_score": 3}


def rows(facts, *names):
    return facts.select("condition", "existence", *names).rows()


def test_sources_are_written_name_and_path():
    assert split_spec("nih-cxr:/a:b")[0] == "nih-cxr"
    assert str(split_spec("nih-cxr:/a:b")[1]) == "/a:b"
    for spec in ("", "nih-cxr", "nih-cxr:", "xray:/a", "/data/train.csv"):
        with pytest.raises(UsageError, match="is not a source"):
            split_spec(spec)


def test_labels_alone_become_facts(tmp_path):
    labels = {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0"}
    build_facts([f"mimic-cxr-jpg:{mimic(tmp_path / 'm', [STUDY | {'labels': labels}])}"],
                tmp_path / "out")  # fmt: skip
    studies, facts = read_facts(tmp_path / "out")
    assert studies["Pneumonia"].to_list() == ["uncertain"]
    assert rows(facts, "side", "source") == [
        ("Edema", "present", None, "labels"), ("Fracture", "absent", None, "labels"),
    ]  # fmt: skip


def test_annotated_facts_are_not_merged_with_labels(tmp_path):
    labels = {"Edema": "0.0", "Fracture": "1.0", "Pneumonia": "1.0"}
    root = mimic(tmp_path / "m", [STUDY | {"labels": labels}])
    entities = {"edema": POSITIVE | {"level": ["mild"]}, "pneumonia": POSITIVE}
    cad(root / "cad_disease.json", entities)
    specs = [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    manifest = build_facts(specs, tmp_path / "out")
    studies, facts = read_facts(tmp_path / "out")
    assert rows(facts, "severity") == [("Edema", "present", "mild"), ("Pneumonia", "present", None)]
    assert studies["Edema"].to_list() == ["absent"]
    assert manifest["disagreements"] == 1
    assert manifest["policy"] == "credentialed"
    assert manifest["counts"] == {"studies": 1, "patients": 1, "facts": 2}


def test_a_bare_presence_yields_to_a_detailed_one(tmp_path):
    image = "00000001_000.png"
    boxes = [(image, "Infiltrate", 100, 650, 100, 100), (image, "Infiltrate", 110, 650, 90, 90)]
    google = [(image, "NO", "NO", "YES", "NO")]
    source = read_nih_cxr(nih(tmp_path, [(image, "Infiltration", 1)], boxes, google))
    facts = collect([source]).facts.filter(condition="Lung Opacity")
    assert rows(facts, "side", "zone", "source") == [
        ("Lung Opacity", "present", "right", "lower", "nih-boxes")
    ]


def test_fact_ids_are_unique_and_stay(facts, phantom, tmp_path):
    _, first = read_facts(facts)
    assert first["fact_id"].n_unique() == len(first)
    specs = [f"mimic-cxr-jpg:{phantom}", f"cad-chest:{phantom / 'cad_disease.json'}"]
    build_facts(specs, tmp_path / "again")
    for name in ("studies.parquet", "facts.parquet"):
        assert file_hash(facts / name) == file_hash(tmp_path / "again" / name)


def test_facts_and_studies_agree(facts):
    studies, table = read_facts(facts)
    assert studies["study_id"].is_unique().all()
    keys = ["study_id", "subject_id", "split", "image_path"]
    assert table.join(studies, on=keys, how="anti").is_empty()
    assert studies.group_by("subject_id").agg(splits="split").explode("splits").unique()[
        "subject_id"].is_unique().all()  # fmt: skip


def test_phantom_and_real_are_not_mixed(phantom, tmp_path):
    root = mimic(tmp_path / "m", [STUDY])
    with pytest.raises(PolicyError, match="phantom and real"):
        build_facts([f"mimic-cxr-jpg:{phantom}", f"mimic-cxr-jpg:{root}"], tmp_path / "out")
    with pytest.raises(InputError):
        read_facts(tmp_path / "out")


def test_a_study_without_a_label_row_keeps_its_patients_split(tmp_path):
    """Real MIMIC has eight studies without labels; CAD-Chest lists them."""
    studies = [STUDY | {"subject": s, "study": 50000000 + s, "split": "test"}
               for s in range(10000000, 10000010)]  # fmt: skip
    unlabelled = [s | {"study": s["study"] + 5000000, "labels": None} for s in studies]
    root = mimic(tmp_path / "m", studies + unlabelled)
    records = [{"subject_id": s["subject"], "study_id": s["study"], "dicom_id": "d",
                "entity": {"edema": POSITIVE}} for s in studies + unlabelled]  # fmt: skip
    (root / "cad_disease.json").write_text(json.dumps(records))
    specs = [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    build_facts(specs, tmp_path / "out")
    assert set(read_facts(tmp_path / "out")[1]["split"]) == {"test"}


def jpeg(tmp_path):
    return picture(tmp_path / "a.jpg").read_bytes()


def test_image_problems(tmp_path):
    whole = jpeg(tmp_path)
    png = picture(tmp_path / "a.png").read_bytes()
    cases = {
        None: [whole, png, whole + b"\0" * 8],
        "cut short": [whole[:-2], whole[: len(whole) // 2], png[:-12]],
        "not a JPEG or PNG image": [b"", b"GIF89a", b"<html>not found</html>"],
    }
    path = tmp_path / "x"
    for problem, files in cases.items():
        for data in files:
            path.write_bytes(data)
            assert image_problem(path) == problem
    assert image_problem(tmp_path / "gone.jpg") == "missing"
    assert image_problem(tmp_path) is not None


def test_bad_images_are_listed_and_limited(tmp_path):
    studies = [STUDY | {"subject": 10000000 + i, "study": 50000000 + i} for i in range(5)]
    root = mimic(tmp_path / "m", studies, images=True)
    files = sorted(root.glob("files/*/*/*/*.jpg"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-20])
    files[2].write_text("<html>")
    manifest = build_facts([f"mimic-cxr-jpg:{root}"], tmp_path / "out")
    assert manifest["images"] == 2
    reasons = ["missing", "cut short", "not a JPEG or PNG image"]
    assert manifest["bad_images"] == dict(zip(map(str, files), reasons, strict=False))
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    require_images(manifest, 3)
    with pytest.raises(InputError, match=r"3 bad images in all.*at most 2"):
        require_images(manifest, 2)


def test_labels_without_images_have_no_bad_images(tmp_path):
    report = collect([read_mimic_cxr_jpg(mimic(tmp_path, [STUDY]))]).report
    assert (report["images"], report["bad_images"]) == (0, {})


def test_the_folder_of_another_configuration_is_refused(tmp_path):
    root = mimic(tmp_path / "m", [STUDY])
    other = mimic(tmp_path / "n", [STUDY])
    build_facts([f"mimic-cxr-jpg:{root}"], tmp_path / "out")
    with pytest.raises(UsageError, match="another configuration"):
        build_facts([f"mimic-cxr-jpg:{other}"], tmp_path / "out")
    build_facts([f"mimic-cxr-jpg:{other}"], tmp_path / "out", fresh=True)


@pytest.mark.parametrize("build", [build_benchmark, build_contextual])
def test_an_unfinished_folder_is_refused(facts, tmp_path, build):
    shutil.copytree(facts, tmp_path / "facts")
    (tmp_path / "facts" / "manifest.json").unlink()
    with pytest.raises(NastError, match=r"no manifest\.json"):
        build(tmp_path / "facts", tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_refused_input_leaves_no_trap(facts, tmp_path):
    """Once the facts are finished, the same call works, without --fresh."""
    shutil.copytree(facts, tmp_path / "facts")
    manifest = (tmp_path / "facts" / "manifest.json").rename(tmp_path / "manifest.json")
    with pytest.raises(NastError):
        build_benchmark(tmp_path / "facts", tmp_path / "out", limit=5)
    manifest.rename(tmp_path / "facts" / "manifest.json")
    build_benchmark(tmp_path / "facts", tmp_path / "out", limit=5)
