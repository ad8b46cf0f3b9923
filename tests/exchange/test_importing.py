"""Imported folders are scored by `nast evaluate` like our own."""

import csv
import json

import polars as pl
import pytest
from exchanged import finished, image, questions
from PIL import Image

from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.exchange.export import export
from nast.exchange.importing import READERS, import_items
from nast.files import manifest_of, read_table
from nast.language.write.templates import IMAGE_STEM
from nast.models.registry import load_model
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA


def write_mcq(path, rows):
    """A NegBench file; rows are (image, answer, captions)."""
    number = max(len(c) for _, _, c in rows)
    names = [f"caption_{i}" for i in range(number)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_path", "correct_answer", *names, "correct_answer_template"])
        writer.writerows([image, answer, *c, "hybrid"] for image, answer, c in rows)
    return path


@pytest.fixture
def mcq(tmp_path):
    """Six items of an author's machine; five of its images are here."""
    root = tmp_path / "images"
    for n in range(5):
        image(root / "val" / f"{n}.png", 50 * n)
    options = ("edema but no fracture", "fracture", "edema and fracture", "no edema")
    rows = [(f"/home/author/data/val/{n}.png", 0, options) for n in range(6)]
    return write_mcq(tmp_path / "COCO_mcq.csv", rows), root


def test_choices_are_scored(mcq, tiny_clip, tmp_path):
    file, root = mcq
    manifest = import_items(file, tmp_path / "in", "negbench-mcq", image_root=root)
    assert manifest["counts"] == {"items": 6, "items left out, no image": 1}
    assert manifest["missing_images"] == {"/home/author/data/val/5.png": "no such file"}
    assert manifest["access"] == "private" and not manifest["phantom"]
    rows = read_table(tmp_path / "in" / "items.parquet", ITEMS_SCHEMA)
    row = rows.row(2, named=True)
    assert (row["item_id"], row["pair_id"]) == ("000003-negated", "000003")
    assert (row["set"], row["world"], row["stem"]) == ("imported", None, IMAGE_STEM)
    assert row["image_path"] == str(root / "val" / "2.png")
    assert (row["group_id"], row["form"], row["split"]) == ("000003", "negated", "test")
    assert (row["subject_id"], row["study_id"]) == ("2", "2")
    assert row["kinds"] == ["truth", "hybrid", "positive", "negative"]
    assert row["facts"] == [[]] * 4 and row["conditions"] == []
    assert (row["construction"], row["realiser"]) == ("imported:negbench-mcq", "imported")
    evaluate([load_model(f"hf:{tiny_clip}", "tiny")], [tmp_path / "in"], tmp_path / "scores")
    made = pl.read_parquet(tmp_path / "scores" / "metrics.parquet").filter(model="tiny")
    assert set(made["set"]) == {"imported"}
    assert not any(made["form"].is_in(["affirmative", "gap"]))
    whole = made.filter(pl.col("subset").is_null() & pl.col("control").is_null())
    (accuracy,) = whole.filter(statistic="accuracy", form="negated").to_dicts()
    assert (accuracy["n"], accuracy["chance"]) == (5, 0.25)


def test_captions_are_scored(tiny_clip, tmp_path):
    for n in range(6):
        image(tmp_path / f"{n}.png", 40 * n)
    with open(tmp_path / "r.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filepath", "captions"])
        writer.writerows(
            [str(tmp_path / f"{n}.png"), repr([f"No edema {n}.", "No mass."])] for n in range(6)
        )
    import_items(tmp_path / "r.csv", tmp_path / "in", "negbench-retrieval")
    rows = read_table(tmp_path / "in" / "captions.parquet", CAPTIONS_SCHEMA)
    assert len(rows) == 12 and set(rows["polarity"]) == {"negated"}
    evaluate([load_model(f"hf:{tiny_clip}", "tiny")], [tmp_path / "in"], tmp_path / "scores")
    made = pl.read_parquet(tmp_path / "scores" / "metrics.parquet").filter(model="tiny")
    found = made.filter(direction="image to text", statistic="R@1", form="negated")
    assert set(found["n"]) == {6}


def test_a_plain_set_is_affirmative(tmp_path):
    path = str(image(tmp_path / "a.png", 1))
    rows = [(path, 1, ("a dog", "a cat")), (path, 0, ("a dog", "no dog")), (path, 0, ("x", "y"))]
    import_items(write_mcq(tmp_path / "m.csv", rows), tmp_path / "in", "negbench-binary")
    table = read_table(tmp_path / "in" / "items.parquet", ITEMS_SCHEMA)
    assert set(table["form"]) == {"affirmative"}, "one word for the whole file"
    assert table["answer"].to_list() == [1, 0, 0]


def test_equal_options_have_no_answer(tmp_path):
    path = str(image(tmp_path / "a.png", 1))
    rows = [(path, 0, ("a dog", "a dog")), (path, 0, ("a dog", "a cat"))]
    manifest = import_items(write_mcq(tmp_path / "m.csv", rows), tmp_path / "in", "negbench-mcq")
    assert manifest["counts"] == {"items": 2, "items left out, two equal options": 1}


def test_one_name_in_two_folders_is_two_patients(tmp_path):
    paths = [image(tmp_path / f"{a}" / "view.png", 1) for a in "ab"]
    paths += [image(tmp_path / "patient00001" / f"study{n}" / "view.png", 1) for n in (1, 2)]
    rows = [(str(p), 0, ("a dog", "a cat")) for p in paths]
    import_items(write_mcq(tmp_path / "m.csv", rows), tmp_path / "in", "negbench-mcq")
    table = pl.read_parquet(tmp_path / "in" / "items.parquet")
    assert table["subject_id"].to_list() == [*map(str, paths[:2]), "patient00001", "patient00001"]


def test_parts_of_images(tmp_path):
    root = tmp_path / "images"
    image(root / "1.jpg", 90, size=(10, 10))
    box = {"bbox_x": 2, "bbox_y": 0, "bbox_w": 3, "bbox_h": 5}
    items = [
        {
            "image_path": f"{n}.jpg",
            "relation_name": "on",
            "true_caption": "a on b",
            "false_caption": "b on a",
        }
        | box
        for n in (1, 2)
    ]
    (tmp_path / "aro.json").write_text(json.dumps(items))
    import_items(tmp_path / "aro.json", tmp_path / "in", "aro", image_root=root)
    (row,) = pl.read_parquet(tmp_path / "in" / "items.parquet").to_dicts()
    assert row["image_path"] == str(tmp_path / "in" / "images" / "000000.png")
    with Image.open(row["image_path"]) as part:
        assert part.size == (3, 5)


def test_names_are_looked_for_below_the_root(tmp_path):
    deep = image(tmp_path / "files" / "p10" / "p10000001" / "s1" / "aa-bb.jpg", 9)
    texts = {"report": "Made up.", "negation": "Not made up.", "omitted": "Up."}
    (tmp_path / "cxr.json").write_text(json.dumps({"mimic": {"aa-bb": texts, "cc": texts}}))
    manifest = import_items(
        tmp_path / "cxr.json",
        tmp_path / "in",
        "cxr-align",
        image_root=tmp_path / "files",
        access="open",
    )
    assert manifest["access"] == "credentialed", "a caller cannot make it milder"
    assert any("PhysioNet" in terms for terms in manifest["terms"])
    assert manifest["missing_images"] == {"cc.jpg": "no such file"}
    (row,) = pl.read_parquet(tmp_path / "in" / "items.parquet").to_dicts()
    assert row["image_path"] == str(deep) and row["kinds"] == ["truth", "negation", "omitted"]


def test_a_group_that_loses_an_image(tmp_path):
    folder = finished(tmp_path / "questions", {"questions": questions(tmp_path / "files")})
    export(folder, tmp_path / "out", "jsonl")
    file = tmp_path / "out" / "questions-test.jsonl"
    more = {"image": str(image(tmp_path / "a.png", 1)), "options": ["a", "b"], "answer": 0}
    text = file.read_text() + json.dumps(more)
    (tmp_path / "more.jsonl").write_text(text)
    (tmp_path / "files" / "p70002" / "view2.png").unlink()
    manifest = import_items(tmp_path / "more.jsonl", tmp_path / "in", "jsonl")
    assert manifest["counts"] == {"items": 13, "items left out, no image": 12}


def test_nothing_to_score(mcq, tmp_path):
    with pytest.raises(InputError, match="expected --image-root, the folder of"):
        import_items(mcq[0], tmp_path / "in", "negbench-mcq")
    with pytest.raises(InputError, match="expected another --image-root"):
        import_items(mcq[0], tmp_path / "in", "negbench-mcq", image_root=tmp_path / "no")
    assert not (tmp_path / "in" / "manifest.json").exists()
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match="no item that can be scored"):
        import_items(tmp_path / "empty.jsonl", tmp_path / "none", "jsonl")


def test_one_id_for_two_items(tmp_path):
    item = {"item_id": "x", "image": "a.png", "options": ["a", "b"], "answer": 0}
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps(item)] * 2))
    with pytest.raises(InputError, match="the id of item 2 twice"):
        import_items(tmp_path / "a.jsonl", tmp_path / "in", "jsonl")


def crepe(path, root, words):
    """A file of SugarCrepe with one item, called "0" as in every file of it."""
    shown = image(root / f"{words}.png", len(words))
    value = {"filename": str(shown), "caption": words, "negative_caption": f"no {words}"}
    path.write_text(json.dumps({"0": value}))
    return path


def test_several_files_at_once(tmp_path):
    files = [crepe(tmp_path / f"{task}.json", tmp_path, task) for task in ("add_obj", "swap_att")]
    manifest = import_items(files, tmp_path / "in", "sugar-crepe")
    assert manifest["counts"] == {"items": 2}
    table = pl.read_parquet(tmp_path / "in" / "items.parquet")
    assert table["pair_id"].to_list() == ["add_obj-0", "swap_att-0"]
    assert table["group_id"].to_list() == ["add_obj-0", "swap_att-0"]
    assert table["kinds"].to_list() == [["truth", "add_obj"], ["truth", "swap_att"]]
    # One of them alone keeps its ids, and is another folder.
    import_items(str(files[0]), tmp_path / "alone", "sugar-crepe")
    assert pl.read_parquet(tmp_path / "alone" / "items.parquet")["pair_id"].to_list() == ["0"]
    with pytest.raises(UsageError, match="--fresh"):
        import_items(files[0], tmp_path / "in", "sugar-crepe")


def test_each_of_several_files_has_a_form_of_its_own(tmp_path):
    path = str(image(tmp_path / "a.png", 1))
    files = [
        write_mcq(tmp_path / f"{name}.csv", [(path, 0, options)])
        for name, options in (("neg", ("no dog", "no cat")), ("aff", ("a dog", "a cat")))
    ]
    import_items(files, tmp_path / "in", "negbench-binary")
    table = pl.read_parquet(tmp_path / "in" / "items.parquet")
    assert dict(table.select("pair_id", "form").iter_rows()) == {
        "neg-000001": "negated",
        "aff-000001": "affirmative",
    }
    assert table["subject_id"].n_unique() == 1


def test_two_files_of_one_name_would_share_their_ids(tmp_path):
    files = []
    for place in "ab":
        (tmp_path / place).mkdir()
        files.append(crepe(tmp_path / place / "add_obj.json", tmp_path, place))
    with pytest.raises(UsageError, match="two files are called 'add_obj'"):
        import_items(files, tmp_path / "in", "sugar-crepe")
    with pytest.raises(UsageError, match="two files are called 'add_obj'"):
        import_items([files[0], files[0]], tmp_path / "in", "sugar-crepe")
    with pytest.raises(UsageError, match="no file to import"):
        import_items([], tmp_path / "in", "sugar-crepe")


def test_wrong_calls(mcq, tmp_path):
    with pytest.raises(UsageError, match="choose one of negbench-mcq"):
        import_items(mcq[0], tmp_path / "in", "excel")
    with pytest.raises(UsageError, match="choose one of open, private, credentialed"):
        import_items(mcq[0], tmp_path / "in", "negbench-mcq", access="public")
    for source in READERS:
        with pytest.raises(InputError, match="no such file"):
            import_items(tmp_path / "no.json", tmp_path / "in", source)


def test_the_folder_is_made_once(mcq, tmp_path):
    first = import_items(*mcq[:1], tmp_path / "in", "negbench-mcq", image_root=mcq[1])
    again = import_items(*mcq[:1], tmp_path / "in", "negbench-mcq", image_root=mcq[1])
    assert first == again == manifest_of(tmp_path / "in")
