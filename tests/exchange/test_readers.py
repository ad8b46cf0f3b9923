"""Files of other projects, small enough to check by hand."""

import json

import pytest

from nast.errors import InputError
from nast.exchange.importing import READERS
from nast.exchange.pair_readers import ARO_CASES, EVALUATED_LAST
from nast.exchange.peer_items import Caption, Item

MCQ = "image_path,correct_answer,caption_0,caption_1,caption_2,caption_3,correct_answer_template\n"


def read(source, text, path):
    path.write_text(text)
    return list(READERS[source](path))


def test_negbench_choices(tmp_path):
    text = MCQ + 'a/b.jpg,0,"A, not B",B,A and B,No A,hybrid\nc.jpg,2,1x,2x,3x,4x,positive\n'
    first, second = read("negbench-mcq", text, tmp_path / "mcq.csv")
    assert first == Item(
        "000001",
        "a/b.jpg",
        {"": ("A, not B", "B", "A and B", "No A")},
        0,
        ("truth", "hybrid", "positive", "negative"),
    )
    assert second.answer == 2 and second.kinds == ("other", "other", "truth", "other")


def test_negbench_pairs_and_more(tmp_path):
    text = "image_path,correct_answer,caption_0,caption_1\na.png,1.0,yes,no\n"
    (pair,) = read("negbench-binary", text, tmp_path / "two.csv")
    assert pair.forms == {"": ("yes", "no")} and pair.kinds == ("other", "truth")
    names = ",".join(f"caption_{i}" for i in range(7))
    text = f"extra,image_path,{names},correct_answer\n9,a.png,a,b,c,d,e,f,g,6\n"
    (seven,) = read("negbench-mcq", text, tmp_path / "seven.csv")
    assert seven.forms == {"": tuple("abcdefg")} and seven.answer == 6


def test_negbench_retrieval(tmp_path):
    text = 'filepath,captions,image_id\na.jpg,"[\'One.\', ""it\'s two""]",7\n'
    assert read("negbench-retrieval", text, tmp_path / "r.csv") == [
        Caption("000001-0", image="a.jpg", caption="One."),
        Caption("000001-1", image="a.jpg", caption="it's two"),
    ]


def test_cc_neg(tmp_path):
    annotation = {"json": {"caption": "a dog"}, "sop_data": {"negative-prompt": "no dog"}}
    whole = {"image_paths": ["/workspace/datasets/cc3m/1.jpg"], "annotations": [annotation]}
    pair = Item(
        "000001",
        "/workspace/datasets/cc3m/1.jpg",
        {"": ("a dog", "no dog")},
        0,
        ("truth", "negative-prompt"),
    )
    assert read("cc-neg", json.dumps(whole), tmp_path / "cc.json") == [pair]
    line = {"image_path": "1.jpg"} | annotation
    assert read("cc-neg", json.dumps(line) + "\n\n", tmp_path / "cc.jsonl") == [
        pair._replace(image="1.jpg")
    ]


def test_the_last_forty_thousand_of_cc_neg_are_the_test(tmp_path, monkeypatch):
    assert EVALUATED_LAST == 40_000
    monkeypatch.setattr("nast.exchange.pair_readers.EVALUATED_LAST", 2)
    line = {"image_path": "1.jpg", "json": {"caption": "a"}, "sop_data": {"negative-prompt": "b"}}
    items = read("cc-neg", "\n".join([json.dumps(line)] * 3), tmp_path / "cc.jsonl")
    assert [i.split for i in items] == ["train", "test", "test"]


def test_a_file_of_torch_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "ccneg_preprocessed.pt"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=r"torch\.load\('ccneg_preprocessed\.pt', weights_only=T"):
        list(READERS["cc-neg"](path))


def test_sugar_crepe(tmp_path):
    text = json.dumps({"5": {"filename": "1.jpg", "caption": "a", "negative_caption": "b"}})
    assert read("sugar-crepe", text, tmp_path / "swap_obj.json") == [
        Item("5", "1.jpg", {"": ("a", "b")}, 0, ("truth", "swap_obj"))
    ]


def test_aro(tmp_path):
    box = {"bbox_x": 1, "bbox_y": 2, "bbox_w": 3, "bbox_h": 4}
    words = {"true_caption": "a on b", "false_caption": "b on a"}
    items = [
        {"image_path": "1.jpg", "relation_name": "on"} | words | box,
        {"image_path": "2.jpg", "attributes": ["x", "y"]} | words,
    ]
    first, second = read("aro", json.dumps(items), tmp_path / "aro.json")
    assert first.box == (1, 2, 3, 4) and first.kinds == ("truth", "relation=on")
    assert second.box is None and second.kinds == ("truth", "attributes")
    many = read("aro", json.dumps([items[1]] * ARO_CASES), tmp_path / "aro.json")
    assert {item.kinds for item in many} == {("truth", "attributes=x_y")}
    with pytest.raises(InputError, match="row 1, column 'attributes'"):
        read("aro", json.dumps([items[1] | {"attributes": "xy"}]), tmp_path / "aro.json")
    del items[0]["bbox_h"]
    with pytest.raises(InputError, match="column 'bbox_h'"):
        read("aro", json.dumps(items), tmp_path / "aro.json")


def test_cxr_align(tmp_path):
    texts = {"report": "Made up.", "negation": "Not made up.", "omitted": "Up.", "chosen": "X"}
    (item,) = read("cxr-align", json.dumps({"mimic": {"aa-bb": texts}}), tmp_path / "cxr.json")
    assert item == Item(
        "000001",
        "aa-bb.jpg",
        {"": ("Made up.", "Not made up.", "Up.")},
        0,
        ("truth", "negation", "omitted"),
    )


def test_documents(tmp_path):
    item = {"image": "1.png", "options": ["a", "b", "c"], "answer": 1}
    full = {
        "item_id": "i",
        "group_id": "g",
        "subject_id": "s",
        "split": "train",
        "image": "2.png",
        "negated": ["no a", "a"],
        "omitted": None,
        "affirmative": ["b", "a"],
        "answer": 0,
        "kinds": ["truth", "existence"],
    }
    caption = {"image": "3.png", "caption": "No a.", "polarity": "negated"}
    text = "\n".join(map(json.dumps, (item, full, caption)))
    forms = {"negated": ("no a", "a"), "affirmative": ("b", "a")}
    assert read("jsonl", text, tmp_path / "a.jsonl") == [
        Item("000001", "1.png", {"": ("a", "b", "c")}, 1, ("other", "truth", "other")),
        Item("i", "2.png", forms, 0, ("truth", "existence"), "g", "train", "s"),
        Caption("000003", image="3.png", caption="No a.", polarity="negated"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"answer": 2}, "a whole number from 0 to 1"),
        ({"answer": True}, "column 'answer'"),
        ({"answer": "quokka zebra"}, "text of 12 characters"),
        ({"options": ["a"]}, "two or more"),
        ({"options": None}, "no options and no caption"),
        ({"options": ["a", " "]}, "a blank"),
        ({"options": ["a", 5]}, "a number"),
        ({"negated": ["a", "b", "c"]}, "column 'negated': found 3 options, expected 2 as in opt"),
        ({"image": "//"}, "a path without a name"),
        ({"image": ["x"]}, "a list"),
        ({"kinds": ["other", "truth"]}, "that of the answer"),
        ({"split": "quokka"}, "text of 6 characters"),
        ({"options": ["a", "\ud800"]}, "half a char"),
        ({"item_id": {}}, "an object"),
    ],
)
def test_broken_documents(change, told, tmp_path):
    item = {"image": "1.png", "options": ["a", "b"], "answer": 0} | change
    with pytest.raises(InputError, match=told) as error:
        read("jsonl", json.dumps(item), tmp_path / "a.jsonl")
    assert "row 1" in str(error.value) and "quokka" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "text", "told"),
    [
        ("negbench-mcq", "image_path,caption_0\n", "column 'correct_answer'"),
        ("negbench-mcq", MCQ + "a.png,4,a,b,c,d,hybrid\n", "a whole number from 0 to 3"),
        (
            "negbench-mcq",
            MCQ + "a.png,0,a,,c,d,hybrid\n",
            "row 1, column 'caption_1': found a blank",
        ),
        ("negbench-retrieval", "filepath,captions\na.png,quokka\n", "no list in brackets"),
        (
            "negbench-retrieval",
            "filepath,captions\na.png,[quokka()]\n",
            "something else than a str",
        ),
        ("cc-neg", '{"image_paths": ["a"], "annotations": []}', "do not match"),
        ("cc-neg", "[]", "a list"),
        ("sugar-crepe", '{"1": {"filename": "a"}}', "column 'caption'"),
        ("sugar-crepe", "quokka", "no JSON"),
        ("aro", "{}", "an object"),
        ("aro", "[1]", "row 1: found a number"),
        ("cxr-align", '{"mimic": []}', "a list"),
        ("jsonl", "{quokka", "row 1: found no JSON"),
        ("jsonl", "[" * 100_000, "no JSON"),
    ],
)
def test_broken_files(source, text, told, tmp_path):
    with pytest.raises(InputError, match=told) as error:
        read(source, text, tmp_path / "file")
    assert "quokka" not in str(error.value)
