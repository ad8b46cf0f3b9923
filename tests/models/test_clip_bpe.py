"""CLIP's tokenizer against ids that open_clip's SimpleTokenizer gives."""

import pytest
from transformers import AutoTokenizer

from nast.models.clip_bpe import clip_tokenizer, is_clip_bpe
from nast.models.registry import load_model

START, END = 49406, 49407


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("  No\nPNEUMOTHORAX ", [871, 28714, 617, 4130, 9203]),
        ("", []),
    ],
)
def test_published_ids(text, ids):
    assert clip_tokenizer()(text)["input_ids"] == [START, *ids, END]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("isn\u2019t “seen”", 'isn\'t "seen"'),
        ("\ufb01brosis and e\ufb00usion", "fibrosis and effusion"),
        ("&lt; 5 mm &amp; stable", "< 5 mm & stable"),
        ("no\u00a0change", "no change"),
        ("oede\u0300me", "oed\u00e8me"),
    ],
)
def test_cleaning(text, same):
    assert clip_tokenizer()(text)["input_ids"] == clip_tokenizer()(same)["input_ids"]


def test_long_text_keeps_its_end():
    ids = clip_tokenizer()("no edema " * 60, truncation=True, max_length=77)["input_ids"]
    assert len(ids) == 77 and ids[0] == START and ids[-1] == END


def test_saved_and_loaded_by_transformers(tmp_path):
    clip_tokenizer().save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "“Small” left e\ufb00usion, 3.5 cm; isn\u2019t new"
    assert again(text)["input_ids"] == clip_tokenizer()(text)["input_ids"]
    assert is_clip_bpe(again) and not is_clip_bpe(load_model("phantom").tokenizer)
