"""Sources joined: access classes, mixing, splits, unreadable images, unfinished folders."""

import json
import shutil

import polars as pl
import pytest
from small import cad, chexpert, mimic, nih, picture, write_csv

from nast.benchmark.build import build_benchmark
from nast.contextual.build import build_contextual
from nast.errors import AccessError, InputError, NastError, UsageError
from nast.facts.conditions import CONDITIONS
from nast.hashes import file_hash
from nast.sources.collect import build_facts, collect, read_facts, require_images, split_spec
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.source import Source, conserved, fact_columns, tally

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
    build_facts(
        [f"mimic-cxr-jpg:{mimic(tmp_path / 'm', [STUDY | {'labels': labels}])}"], tmp_path / "out"
    )
    studies, facts = read_facts(tmp_path / "out")
    assert studies["Pneumonia"].to_list() == ["uncertain"]
    assert rows(facts, "side", "source") == [
        ("Edema", "present", None, "labels"),
        ("Fracture", "absent", None, "labels"),
    ]


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
    assert manifest["access"] == "credentialed"
    assert manifest["counts"] == {
        "studies": 1,
        "patients": 1,
        "facts": 2,
        "facts both affirmed and denied": 0,
        "facts said twice": 0,
    }


def test_a_bare_presence_yields_to_a_detailed_one(tmp_path):
    image = "00000001_000.png"
    boxes = [(image, "Infiltrate", 100, 650, 100, 100), (image, "Infiltrate", 110, 650, 90, 90)]
    google = [(image, "NO", "NO", "YES", "NO")]
    source = read_nih_cxr(nih(tmp_path, [(image, "Infiltration", 1)], boxes, google))
    facts = collect([source]).facts.filter(condition="Lung Opacity")
    assert rows(facts, "side", "zone", "source") == [
        ("Lung Opacity", "present", "right", "lower", "nih-boxes")
    ]


def said(*facts, name="one", **fields):
    """A source of one study with facts: condition, existence, side, zone, severity, source."""
    study = {"subject_id": "p1", "study_id": "s1", "split": "train", "image_path": "", "view": ""}
    study |= dict.fromkeys(CONDITIONS.labelled(), "not_mentioned") | fields
    rows = [("p1", study["study_id"], *fact, "words") for fact in facts]
    return Source(
        name=name,
        root=None,
        studies=pl.DataFrame([study]),
        facts=pl.DataFrame(rows, schema=dict.fromkeys(fact_columns(), pl.String), orient="row"),
        access="open",
        terms=f"terms of {name}",
        annotations={"present": len(rows), "kept": len(rows)},
    )


E, C = "Pleural Effusion", "Cardiomegaly"
BARE, LEFT = (E, "present", None, None, None), (E, "present", "left", None, None)
SMALL, RIGHT = (E, "present", None, None, "mild"), (E, "present", "right", None, "mild")
LARGE_HEART, HEART = (C, "present", None, None, "severe"), (C, "present", None, None, None)
NONE = (E, "absent", None, None, None)


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        # The same place said twice is one fact, of the source that comes first.
        ([(*LEFT, "a"), (*LEFT, "a")], [(*LEFT, "a")]),
        ([(*LEFT, "a"), (*LEFT, "b")], [(*LEFT, "a")]),
        ([(*BARE, "b"), (*BARE, "a")], [(*BARE, "b")]),
        # Beside its own source's place, a bare presence is a second finding ...
        ([(*BARE, "a"), (*LEFT, "a")], [(*BARE, "a"), (*LEFT, "a")]),
        ([(*BARE, "a"), (*SMALL, "a")], [(*BARE, "a"), (*SMALL, "a")]),
        ([(*BARE, "a"), (*LEFT, "a"), (*RIGHT, "a")], [(*BARE, "a"), (*LEFT, "a"), (*RIGHT, "a")]),
        # ... but not where there is only one of it,
        ([(*HEART, "a"), (*LARGE_HEART, "a")], [(*LARGE_HEART, "a")]),
        # or where another source says more.
        ([(*BARE, "a"), (*LEFT, "b")], [(*LEFT, "b")]),
        ([(*BARE, "a"), (*LEFT, "a"), (*RIGHT, "b")], [(*LEFT, "a"), (*RIGHT, "b")]),
        ([(*HEART, "a"), (*LARGE_HEART, "b")], [(*LARGE_HEART, "b")]),
        # What is said of another place or condition stays.
        ([(*LEFT, "a"), (*RIGHT, "b")], [(*LEFT, "a"), (*RIGHT, "b")]),
        # What is both affirmed and denied is of no use.
        ([(*NONE, "a"), (*LEFT, "b")], []),
        ([(*NONE, "a"), (*LEFT, "a"), (*HEART, "a")], [(*HEART, "a")]),
        ([(*BARE, "a"), (*LARGE_HEART, "b")], [(*BARE, "a"), (*LARGE_HEART, "b")]),
    ],
)
def test_each_fact_once(facts, kept):
    tables = collect([said(*facts)])
    found = tables.facts.select("condition", "existence", "side", "zone", "severity", "source")
    assert sorted(found.rows(), key=str) == sorted(kept, key=str)
    counts = tables.report["counts"]
    torn = 2 * ((*NONE, "a") in facts)
    assert counts["facts both affirmed and denied"] == torn
    assert (counts["facts"], counts["facts said twice"]) == (
        len(kept),
        len(facts) - len(kept) - torn,
    )


def test_labels_speak_where_no_source_annotates():
    """A label table beside annotated studies of another hospital keeps its facts."""
    labels = said(name="labels", study_id="s2", subject_id="p2", Edema="absent")
    labels.facts = None
    facts = collect([said((*LEFT, "a"), Edema="present"), labels]).facts
    assert rows(facts, "study_id", "source") == [
        (E, "present", "s1", "a"),
        ("Edema", "absent", "s2", "labels"),
    ]


def test_a_bare_presence_yields_within_its_study_only():
    other = said((*LEFT, "b"), name="other", study_id="s2")
    assert len(collect([said((*BARE, "a")), other]).facts) == 2


def test_every_account_and_term_is_in_the_report():
    sources = [said((*LEFT, "a")), said(name="two", study_id="s2")]
    report = collect(sources).report
    assert report["terms"] == ["one: terms of one", "two: terms of two"]
    assert report["annotations"] == {
        "one": {"present": 1, "kept": 1},
        "two": {"present": 0, "kept": 0},
    }
    assert report["access"] == "open"


def test_two_sources_of_one_reader_keep_their_accounts():
    report = collect([said((*LEFT, "a")), said((*LEFT, "a"), (*RIGHT, "a"), study_id="s2")]).report
    accounts = str(report["annotations"])
    assert "'present': 1" in accounts and "'present': 2" in accounts


def test_an_account_that_does_not_balance_is_no_source():
    assert conserved({"present": 3, "kept": 1, "set aside: x": 1, "refused: y": 1})
    assert conserved(tally())
    assert not conserved({"present": 3, "kept": 1, "set aside: x": 1})
    with pytest.raises(AssertionError, match="one: annotations are unaccounted for"):
        Source("one", None, pl.DataFrame(), None, "open", "", {"present": 2, "kept": 1})


def test_terms_are_in_the_manifest(facts, tmp_path):
    root = mimic(tmp_path / "m", [STUDY])
    entries = [("00000001_000.png", "Mass", 1)]
    specs = [f"mimic-cxr-jpg:{root}", f"nih-cxr:{nih(tmp_path / 'n', entries)}"]
    manifest = build_facts(specs, tmp_path / "out")
    assert [t.split(":")[0] for t in manifest["terms"]] == ["mimic-cxr-jpg", "nih-cxr"]
    assert "PhysioNet Credentialed Health Data License" in manifest["terms"][0]
    assert "no restrictions on use" in manifest["terms"][1]
    assert manifest["access"] == "credentialed"
    questions = build_benchmark(facts, tmp_path / "questions", limit=2)
    assert questions["terms"] == ["cad-chest: synthetic", "mimic-cxr-jpg: synthetic"]


def test_studies_without_an_image_are_no_bad_images(tmp_path):
    """Reports without an image stand beside reports with one."""
    picture(tmp_path / "r" / "images" / "a.png")
    for name, image in (("1", '<parentImage id="a"/>'), ("2", "")):
        (tmp_path / "r" / f"{name}.xml").write_text(
            f'<eCitation><uId id="CXR{name}"/><MeSH><major>Opacity</major></MeSH>{image}'
            "</eCitation>"
        )
    manifest = build_facts([f"iu-xray:{tmp_path / 'r'}"], tmp_path / "out")
    studies, facts = read_facts(tmp_path / "out")
    path = str(tmp_path / "r" / "images" / "a.png")
    assert studies["image_path"].to_list() == facts["image_path"].to_list() == [path, ""]
    assert (manifest["images"], manifest["bad_images"]) == (1, {})


def test_a_changed_folder_of_reports_is_another_input(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "1.xml").write_text('<eCitation><uId id="CXR1"/></eCitation>')
    build_facts([f"iu-xray:{tmp_path / 'r'}"], tmp_path / "out")
    (tmp_path / "r" / "2.xml").write_text('<eCitation><uId id="CXR2"/></eCitation>')
    with pytest.raises(UsageError, match="other inputs"):
        build_facts([f"iu-xray:{tmp_path / 'r'}"], tmp_path / "out")


def test_the_labeler_is_an_option(tmp_path):
    root = mimic(tmp_path / "m", [STUDY | {"labels": {"Edema": "1.0"}}])
    labels = root / "mimic-cxr-2.0.0-chexpert.csv"
    (root / "mimic-cxr-2.0.0-negbio.csv").write_text(labels.read_text().replace("1.0", "0.0"))
    for labeler, existence in (("chexpert", "present"), ("negbio", "absent")):
        out = tmp_path / labeler
        manifest = build_facts([f"mimic-cxr-jpg:{root}"], out, labeler=labeler)
        assert manifest["config"]["labeler"] == labeler
        assert "cut" not in manifest["config"]
        assert rows(read_facts(out).facts) == [("Edema", existence)]
    with pytest.raises(UsageError, match="another configuration"):
        build_facts([f"mimic-cxr-jpg:{root}"], tmp_path / "negbio")


def test_the_cut_is_an_option(tmp_path):
    root = mimic(tmp_path / "m", [STUDY])
    likely = {"probability": "likely", "probability_score": 2}
    cad(root / "cad_disease.json", {"edema": POSITIVE, "pneumonia": likely})
    specs = [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    for cut, number in ((3, 1), (2, 2)):
        manifest = build_facts(specs, tmp_path / str(cut), cut=cut)
        assert manifest["config"]["cut"] == cut
        assert manifest["counts"]["facts"] == number
        account = manifest["annotations"]["cad-chest"]
        assert account["present"] == 2 and conserved(account)


CT = """
Hemorrhage:
  term: hemorrhage
  normal: clear brain
  phrase_class: broader
  sided: yes
Infarct:
  term: infarct
"""


@pytest.fixture
def ct(tmp_path):
    """CheXpert-style labels of a head CT, and its table of conditions."""
    (tmp_path / "ct.yaml").write_text(CT)
    path = "x/train/patient00001/study1/view1_frontal.jpg"
    header = ["Path", "No Finding", "Hemorrhage", "Infarct"]
    write_csv(tmp_path / "ct.csv", header, [[path, "", "1.0", "0.0"]])
    return [f"chexpert:{tmp_path / 'ct.csv'}"], tmp_path / "ct.yaml"


def test_another_table_of_conditions_goes_with_its_facts(ct, tmp_path):
    specs, table = ct
    manifest = build_facts(specs, tmp_path / "out", conditions=table)
    assert (tmp_path / "out" / "conditions.yaml").read_bytes() == table.read_bytes()
    assert "../ct.yaml" in manifest["inputs"]
    table.unlink()
    found = read_facts(tmp_path / "out")
    assert list(found.conditions) == ["Hemorrhage", "Infarct"]
    assert found.studies.columns[-3:] == ["Hemorrhage", "Infarct", "No Finding"]
    assert rows(found.facts) == [("Hemorrhage", "present"), ("Infarct", "absent")]
    assert "Edema" in CONDITIONS and "Infarct" not in CONDITIONS


def test_two_tables_do_not_see_each_other(ct, facts, tmp_path):
    specs, table = ct
    build_facts(specs, tmp_path / "out", conditions=table)
    assert read_facts(facts).conditions is CONDITIONS
    with pytest.raises(InputError, match="column"):
        build_facts(specs, tmp_path / "again")
    build_facts([f"mimic-cxr-jpg:{mimic(tmp_path / 'm', [STUDY])}"], tmp_path / "third")
    assert not (tmp_path / "third" / "conditions.yaml").exists()
    assert "Hemorrhage" in read_facts(tmp_path / "out").conditions


def test_another_table_is_another_configuration(ct, tmp_path):
    specs, table = ct
    build_facts(specs, tmp_path / "out", conditions=table)
    build_facts(specs, tmp_path / "out", conditions=table)
    table.write_text(CT.replace("clear brain", "normal brain"))
    with pytest.raises(UsageError, match="another configuration or other inputs"):
        build_facts(specs, tmp_path / "out", conditions=table)
    build_facts(specs, tmp_path / "out", conditions=table, fresh=True)
    assert read_facts(tmp_path / "out").conditions["Hemorrhage"].normal == "normal brain"


def test_a_broken_table_leaves_no_folder(ct, tmp_path):
    specs, table = ct
    table.write_text("Hemorrhage: {}")
    with pytest.raises(InputError, match=r"line 1, key 'Hemorrhage.term': found nothing"):
        build_facts(specs, tmp_path / "out", conditions=table)
    assert not (tmp_path / "out").exists()


def test_cad_chest_needs_the_splits_of_mimic(tmp_path):
    file = cad(tmp_path / "c.json", {"edema": POSITIVE})
    with pytest.raises(UsageError, match="CAD-Chest has neither splits nor images"):
        build_facts([f"cad-chest:{file}"], tmp_path / "out")


def test_every_reader_of_a_build_conserves(phantom, tmp_path):
    """Over all that the phantom and the small tables hold."""
    images = [("00000001_000.png", "Mass|Hernia", 1), ("00000002_000.png", "No Finding", 2)]
    boxes = [("00000001_000.png", "Mass", 1, 2, 3, 4), ("00000009_000.png", "Mass", 1, 2, 3, 4)]
    train = "train/patient00001/study1/view1_frontal.jpg"
    table = chexpert(tmp_path / "t.csv", [(train, "AP", {"Edema": "-1.0"})])
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "1.xml").write_text(
        '<eCitation><uId id="CXR1"/><MeSH><major>normal</major><major>Opacity</major></MeSH>'
        '<AbstractText Label="FINDINGS">No edema. No large effusion.</AbstractText></eCitation>'
    )
    specs = [
        f"nih-cxr:{nih(tmp_path / 'n', images, boxes)}",
        f"chexpert:{table}",
        f"iu-xray:{tmp_path / 'r'}",
    ]
    trees = [f"mimic-cxr-jpg:{phantom}", f"cad-chest:{phantom / 'cad_disease.json'}"]
    for number, some in enumerate((specs, trees)):
        manifest = build_facts(some, tmp_path / str(number))
        assert len(manifest["annotations"]) == len(some)
        for name, account in manifest["annotations"].items():
            assert conserved(account), name
            assert account["present"] > 0


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
    assert (
        studies.group_by("subject_id")
        .agg(splits="split")
        .explode("splits")
        .unique()["subject_id"]
        .is_unique()
        .all()
    )


def test_phantom_and_real_are_not_mixed(phantom, tmp_path):
    root = mimic(tmp_path / "m", [STUDY])
    with pytest.raises(AccessError, match="phantom and real"):
        build_facts([f"mimic-cxr-jpg:{phantom}", f"mimic-cxr-jpg:{root}"], tmp_path / "out")
    with pytest.raises(InputError):
        read_facts(tmp_path / "out")


def test_a_study_without_a_label_row_keeps_its_patients_split(tmp_path):
    """Real MIMIC has eight studies without labels; CAD-Chest lists them."""
    studies = [
        STUDY | {"subject": s, "study": 50000000 + s, "split": "test"}
        for s in range(10000000, 10000010)
    ]
    unlabelled = [s | {"study": s["study"] + 5000000, "labels": None} for s in studies]
    root = mimic(tmp_path / "m", studies + unlabelled)
    records = [
        {
            "subject_id": s["subject"],
            "study_id": s["study"],
            "dicom_id": "d",
            "entity": {"edema": POSITIVE},
        }
        for s in studies + unlabelled
    ]
    (root / "cad_disease.json").write_text(json.dumps(records))
    specs = [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    build_facts(specs, tmp_path / "out")
    assert set(read_facts(tmp_path / "out").facts["split"]) == {"test"}


def test_bad_images_are_listed_and_limited(tmp_path):
    studies = [STUDY | {"subject": 10000000 + i, "study": 50000000 + i} for i in range(5)]
    root = mimic(tmp_path / "m", studies, images=True)
    files = sorted(root.glob("files/*/*/*/*.jpg"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-20])
    files[2].write_text("<html>")
    manifest = build_facts([f"mimic-cxr-jpg:{root}"], tmp_path / "out")
    assert manifest["images"] == 2
    reasons = ["missing", "cut short", "not a JPEG, PNG or DICOM image"]
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


def test_a_patient_without_any_label_keeps_the_split_of_mimic(tmp_path):
    """The only study has no label row; CAD-Chest knows it, and must not divide it anew."""
    study = {"subject": 10000099, "study": 50999999, "labels": None}
    for split in ("train", "validate", "test"):
        root = mimic(tmp_path / split, [STUDY, study | {"split": split}])
        cad(
            root / "cad_disease.json",
            {"edema": POSITIVE},
            subject_id="10000099",
            study_id="50999999",
        )
        build_facts(
            [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"],
            tmp_path / f"out-{split}",
        )
        studies, _ = read_facts(tmp_path / f"out-{split}")
        assert studies.filter(study_id="50999999")["split"].to_list() == [split]
