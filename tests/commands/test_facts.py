"""`nast facts`: what it prints, `--check`, and its exit codes."""

import json
import shutil

import pytest
from PIL import Image

from nast.cli import run
from nast.facts.conditions import CONDITIONS, NO_FINDING

TRAIN = "CheXpert-v1.0-small/train/patient{:05}/study1/view1_frontal.jpg"


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (16, 16), 90).save(path)


@pytest.fixture
def call(capsys):
    """Run `nast facts`: exit code, standard output, standard error."""

    def _call(*arguments):
        code = run(["facts", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return _call


def labels(file, patients, **cells):
    names = [NO_FINDING, *CONDITIONS.labelled()]
    lines = [[TRAIN.format(n), *(cells.get(name, "") for name in names)] for n in patients]
    file.write_text("\n".join(",".join(line) for line in [["Path", *names], *lines]) + "\n")
    return f"chexpert:{file}"


def test_what_became_of_the_annotations_is_printed(call, tmp_path):
    spec = labels(tmp_path / "t.csv", [1, 2], Edema="1.0", Fracture="-1.0")
    code, out, err = call(spec, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert (
        "chexpert, annotations: 4 found = 2 kept + 2 set aside\n  set aside: 2 uncertain\n" in out
    )
    assert "2 studies, 2 patients, 2 facts, 0 facts both affirmed and denied" in out
    assert "terms of chexpert: Stanford research use agreement" in out
    assert "no images beside the labels" in out


def test_no_patient_in_two_splits_exits_0(call, facts, tmp_path):
    code, out, err = call("--check", facts)
    assert (code, err) == (0, "")
    assert out.startswith("no patient is in two splits; patients: ")
    assert sum(int(n) for n in out.split() if n.isdecimal()) == 60


def test_a_patient_in_two_splits_exits_1(call, tmp_path):
    """Within a table it is refused when it is read, across folders by --check."""
    for name, split in (("a", "train"), ("b", "test")):
        root = tmp_path / f"m{name}"
        mimic_tree(root, [(10000032, 50414267, split)])
        assert call(f"mimic-cxr-jpg:{root}", "-o", tmp_path / name)[0] == 0
    code, out, err = call("--check", tmp_path / "a", tmp_path / "b")
    assert (code, out) == (1, "")
    assert err.startswith("nast: ") and err.count("\n") == 1
    assert "found 1 patients in two splits (test and train), expected each patient in one" in err
    assert "10000032" not in err
    mimic_tree(tmp_path / "mc", [(10000032, 50414267, "train"), (10000032, 50414268, "test")])
    code, _, err = call(f"mimic-cxr-jpg:{tmp_path / 'mc'}", "-o", tmp_path / "c")
    assert code == 1
    assert "1 patients in two splits (test and train)" in err
    assert not (tmp_path / "c" / "manifest.json").exists()


def mimic_tree(root, studies):
    """MIMIC-CXR-JPG tables of (subject, study, split)."""
    root.mkdir()
    names = [NO_FINDING, *CONDITIONS.labelled()]
    tables = {
        "chexpert": [["study_id", *names], *([t, *[""] * len(names)] for _, t, _ in studies)],
        "metadata": [
            ["dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns"],
            *([f"d{t}", s, t, "PA", 9, 9] for s, t, _ in studies),
        ],
        "split": [["dicom_id", "split"], *([f"d{t}", split] for _, t, split in studies)],
    }
    for name, lines in tables.items():
        text = "\n".join(",".join(map(str, line)) for line in lines)
        (root / f"mimic-cxr-2.0.0-{name}.csv").write_text(text + "\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--check"], 2, "--check needs finished folders"),
        (["--check", "{tmp}/gone"], 1, "no manifest.json"),
        ([], 2, "give sources and a folder"),
        (["{spec}"], 2, "give sources and a folder"),
        (["-o", "{tmp}/out"], 2, "give sources and a folder"),
        (["mimic-cxr-jpg:{tmp}", "--labeler", "gpt", "-o", "{tmp}/out"], 2, "is not a labeler"),
        (["cad-chest:{tmp}/c", "{spec}", "--cut", "7", "-o", "{tmp}/out"], 2, "the cut is 7"),
        (
            ["{spec}", "--conditions", "{tmp}/gone.yaml", "-o", "{tmp}/out"],
            1,
            "gone.yaml: found no",
        ),
        (["cad-chest:{tmp}/c", "-o", "{tmp}/out"], 2, "neither splits nor images"),
    ],
)
def test_wrong_calls(call, tmp_path, arguments, code, message):
    place = {"tmp": tmp_path, "spec": labels(tmp_path / "t.csv", [1])}
    found, _, err = call(*(a.format(**place) for a in arguments))
    assert found == code
    assert message in err
    assert not (tmp_path / "out").exists()


def test_options_reach_the_manifest(call, tmp_path):
    table = tmp_path / "ct.yaml"
    table.write_text("Infarct: {term: infarct, sided: yes}\n")
    file = tmp_path / "t.csv"
    file.write_text(f"Path,No Finding,Infarct\n{TRAIN.format(1)},,1.0\n")
    code, out, _ = call(f"chexpert:{file}", "--conditions", table, "-o", tmp_path / "out")
    assert code == 0
    assert "1 facts" in out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "../ct.yaml" in manifest["inputs"]
    assert (tmp_path / "out" / "conditions.yaml").is_file()


def test_too_many_bad_images_leave_the_folder_unfinished(call, tmp_path):
    """What exits with 1 must not be taken by the next stage."""
    spec = labels(tmp_path / "t.csv", [1, 2, 3], Edema="1.0")
    picture(tmp_path / TRAIN.format(1))
    out = tmp_path / "out"
    code, _, err = call(spec, "-o", out)
    assert code == 1
    assert err.startswith("nast: ") and err.count("\n") == 1
    assert "2 missing; 2 bad images in all (listed in its bad_images.json)" in err
    assert "expected at most 0" in err and "--max-bad 2" in err
    assert "patient0000" not in err
    assert not (out / "manifest.json").exists()
    listed = json.loads((out / "bad_images.json").read_text())
    assert list(listed) == [str(tmp_path / TRAIN.format(n)) for n in (2, 3)]
    assert run(["benchmark", "build", str(out), "-o", str(tmp_path / "q")]) != 0
    assert call(spec, "-o", out, "--max-bad", 1)[0] == 1
    # The same command goes on, once the images are allowed for or there.
    code, _, err = call(spec, "-o", out, "--max-bad", 2)
    assert (code, err) == (0, "")
    assert not (out / "bad_images.json").exists()
    assert json.loads((out / "manifest.json").read_text())["bad_images"] == listed
    code, _, err = call(spec, "-o", out)
    assert code == 1 and "listed in its manifest.json" in err
    for n in (2, 3):
        picture(tmp_path / TRAIN.format(n))
    assert call(spec, "-o", out, "--fresh")[0] == 0


def test_facts_of_a_build_say_how_many_images_are_bad(facts, phantom, tmp_path, capsys):
    root = tmp_path / "tree"
    shutil.copytree(phantom, root)
    next(root.glob("files/*/*/*/*.jpg")).unlink()
    sources = [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    assert run(["benchmark", "build", *sources, "--limit", "2", "-o", str(tmp_path / "q")]) == 0
    assert "1 images are missing or broken" in capsys.readouterr().out
