"""Cards begin with what Hugging Face reads."""

import pytest
import yaml
from built import contextual_set
from filled import small_set

from nast.items.card import front_matter, size_category
from nast.items.table import read_items


def front(path):
    """The YAML of a card, and the rest."""
    empty, head, text = path.read_text("utf-8").split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(head), text


@pytest.mark.parametrize(
    ("rows", "word"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**7, "n>1M")],
)
def test_sizes_are_the_hubs_words(rows, word):
    assert size_category(rows) == word


def test_front_matter_is_yaml_whatever_a_name_holds():
    head = {"pretty_name": "a: b\n---\n# c", "tags": ["é"]}
    text = front_matter(head)
    assert yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n\n")) == head


@pytest.mark.parametrize("made", [small_set, contextual_set])
def test_data_cards_are_found_on_a_hub(facts, made):
    folder = made(facts)
    head, text = front(folder / "README.md")
    assert head["license"] == "other" and head["language"] == ["en"]
    assert "synthetic" in head["tags"] and "negation" in head["tags"]
    assert head["size_categories"] == [size_category(len(read_items(folder)))]
    assert text.lstrip().startswith(f"# {head['pretty_name']}: data card")
