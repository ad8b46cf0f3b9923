"""Caption pairs differ in one token; what the tokenizer does not allow is dropped and counted."""

from itertools import groupby

import polars as pl
import pytest
import torch

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.models.clip_bpe import clip_tokenizer
from nast.sources.collect import read_facts
from nast.tracing.probes import make_probes, probe_images, roles
from nast.tracing.trace_config import TEMPLATES


class Words:
    """A stand-in tokenizer: one id per word, and one more where `long` says so."""

    name = "words"

    def __init__(self, long=()):
        self.long, self.ids = long, {}

    def tokenize(self, texts):
        words = [w for w in texts[0].replace(".", " .").split() for w in self.pieces(w, texts[0])]
        ids = [self.ids.setdefault(w, len(self.ids)) for w in words]
        return torch.tensor([ids]), torch.ones(1, len(ids))

    def pieces(self, word, text):
        if word == "severe" and any(t in text for t in self.long):
            return ["sev", "ere"]
        return [word]


def test_both_orders_of_each_condition(model):
    probes, dropped = make_probes(model, list(CONDITIONS))
    assert len(probes) == 2 * (len(CONDITIONS) - len(dropped))
    for probe in probes:
        different = (probe.correct_ids != probe.foil_ids).nonzero().flatten().tolist()
        assert different == [probe.position]
        negated = probe.correct if probe.subset == "caption" else probe.foil
        assert " no " in negated
    first, second = probes[:2]
    assert (first.correct, first.foil) == (second.foil, second.correct)


def test_unequal_lengths_are_dropped_and_counted():
    names = ["Edema", "Pneumonia", "Pneumothorax"]
    probes, dropped = make_probes(Words(long=["pneumonia"]), names)
    assert {p.condition for p in probes} == {"Edema", "Pneumothorax"}
    assert dropped == {"Pneumonia": "5 against 6 tokens"}


def test_too_few_pairs_is_an_error_that_lists_them():
    with pytest.raises(InputError, match="Pneumonia"):
        make_probes(Words(long=["pneumonia"]), ["Edema", "Pneumonia"])


def test_roles_cover_every_position(model):
    probe = make_probes(model, ["Edema", "Pleural Effusion"])[0][2]
    rows = roles(probe, model)
    assert [r.position for r in rows] == list(range(len(probe.correct_ids)))
    assert [r.token for r in rows if r.role == "cue"] == ["no"]
    assert "".join(r.token for r in rows if r.role == "finding") == "pleuraleffusion"
    named = [r.role for r in rows if r.role != "padding"]
    assert (named[0], named[1], named[-2], named[-1]) == ("start", "before cue", "full stop", "end")


@pytest.mark.parametrize(
    ("template", "cue", "order"),
    [
        ("severe", "no", "start, before cue, cue, finding, full stop, end"),
        ("some", "no", "start, before cue, cue, finding, full stop, end"),
        ("evidence", "no evidence of", "start, before cue, cue, finding, full stop, end"),
        ("without", "without", "start, before cue, cue, finding, full stop, end"),
        ("absent", "absent", "start, finding, before cue, cue, full stop, end"),
    ],
)
def test_every_token_of_the_cue_is_found_by_its_place_in_the_text(template, cue, order):
    """With CLIP's own tokenizer; both orders of a pair have the same roles."""
    model = TokenizerOnly(clip_tokenizer())
    probes, dropped = make_probes(model, ["Pleural Effusion", "Lung Opacity"], template)
    assert not dropped and set(TEMPLATES) >= {template}
    for probe in probes:
        rows = roles(probe, model)
        assert ", ".join(role for role, _ in groupby(r.role for r in rows)) == order
        tokens = [r.token.removesuffix("</w>") for r in rows if r.role == "cue"]
        assert len(tokens) == len(cue.split())
        assert (" ".join(tokens) == cue) == (probe.subset == "caption")


class TokenizerOnly:
    """A model of which only the tokenizer is looked at; its vector is read at the last token."""

    name, text_rules = "tokenizer", ()

    def __init__(self, tokenizer):
        self.tokenizer, self.text = tokenizer, self

    def tokenize(self, texts):
        out = self.tokenizer(list(texts), return_tensors="pt")
        return out["input_ids"], out["attention_mask"]

    def token_words(self, text):
        return self.tokenizer.convert_ids_to_tokens(self.tokenizer(text)["input_ids"])

    def pooled_row(self, ids, mask):
        return mask.sum(-1) - 1


def test_a_cue_that_differs_in_several_tokens_is_dropped():
    """Both "no" and its counterpart are split in two."""
    words = Words()
    words.pieces = lambda word, text: (
        ["n", "o"] if word == "no" else (["sev", "ere"] if word == "severe" else [word])
    )
    with pytest.raises(InputError, match="2 differing tokens"):
        make_probes(words, ["Edema", "Pneumonia"])


def test_a_tokenizer_without_offsets_is_an_error_that_says_so():
    model = TokenizerOnly(clip_tokenizer())
    probe = make_probes(model, ["Edema", "Pneumonia"])[0][0]

    def slow(text, **options):
        raise NotImplementedError

    model.tokenizer = slow
    with pytest.raises(InputError, match="fast tokenizer"):
        roles(probe, model)


def test_only_training_patients_and_definite_facts():
    def fact(study, split, existence, severity=None):
        return {
            "subject_id": f"p{study}",
            "study_id": f"s{study}",
            "split": split,
            "image_path": f"{study}.png",
            "condition": "Edema",
            "existence": existence,
            "severity": severity,
        }

    rows = [
        fact(1, "train", "absent"),
        fact(2, "test", "absent"),
        fact(3, "train", "present"),
        fact(4, "train", "present", "severe"),
        fact(5, "validate", "present", "severe"),
        fact(6, "train", "present", "mild"),
        fact(4, "train", "present", "severe"),
    ]
    assert probe_images(pl.DataFrame(rows)) == {
        ("Edema", "caption"): [("p1", "1.png")],
        ("Edema", "foil"): [("p4", "4.png")],
    }


def test_no_patient_of_another_split_is_traced(facts):
    _, table = read_facts(facts)
    used = {patient for pairs in probe_images(table).values() for patient, _ in pairs}
    others = set(table.filter(pl.col("split") != "train")["subject_id"])
    assert used and others
    assert not used & others
