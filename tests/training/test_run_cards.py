"""The card of a run: what a hub reads, and what each share of the change does."""

import yaml

from nast.training.interpolation import ChosenShare
from nast.training.run_files import write_cards

ROW = {"g": 0.5, "repaired": 0.6, "loss": 0.004, "half_width": 0.0051, "worst": 0.009}
BASE = {"g": 0.0, "repaired": 0.5, "loss": 0.0, "half_width": 0.0, "worst": 0.0}


def card(tmp_path, chosen, base="hf:openai/clip-vit-base-patch32"):
    (tmp_path / "lora").mkdir(exist_ok=True)
    write_cards(tmp_path, base, [], chosen)
    texts = {(tmp_path / name / "README.md").read_text() for name in (".", "lora")}
    assert len(texts) == 1 and not (tmp_path / "lora-last").exists()
    _, head, text = texts.pop().split("---\n", 2)
    return yaml.safe_load(head), text


def test_the_chosen_share_stands_with_its_numbers(tmp_path):
    items = {"negated claims": 2000}
    head, text = card(tmp_path, ChosenShare(0.5, [BASE, ROW], items, "a warning"))
    assert head["base_model"] == "openai/clip-vit-base-patch32"
    assert "| **0.5** | 0.600 | +0.004 ± 0.005 | +0.009 |" in text
    assert "2,000 negated claims" in text and text.rstrip().endswith("a warning")


def test_a_run_without_validation_patients_says_so(tmp_path):
    _, text = card(tmp_path, ChosenShare(1.0, [], {}))
    assert "No validation patients" in text


def test_a_place_on_this_machine_is_no_base_of_a_hub(tmp_path):
    (tmp_path / "a").mkdir()
    for base in (f"hf:{tmp_path / 'a'}", "phantom", "openclip:ViT-B-32:b/c.pt"):
        head, _ = card(tmp_path, ChosenShare(1.0, [], {}), base)
        assert "base_model" not in head


def test_the_papers_protocol_takes_the_whole_change_by_its_own_rule(tmp_path):
    _, text = card(tmp_path, ChosenShare(1.0, [], {"negated claims": 20}))
    assert "g = 1), as the paper does" in text and "No validation patients" not in text
