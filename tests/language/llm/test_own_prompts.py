"""Prompts of your own: used in place of the package's, recorded, refused when they are none."""

import pytest

from nast.benchmark.build import build_benchmark
from nast.errors import InputError, UsageError
from nast.files import manifest_of
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.prompts import FIELDS, check_prompts, load_prompt, version_of
from nast.language.write.writer import WriterOptions

OWN = "[user]\nAbout $findings, four options:\n$configurations\nA price: $$5.\n"


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "options.txt").write_text(OWN)
    return folder


def test_what_is_not_there_is_the_packages(own):
    check_prompts(own)
    (turn,) = load_prompt("options", own).messages(findings="edema", configurations="A: x")
    assert turn == {
        "role": "user",
        "content": "About edema, four options:\nA: x\nA price: $5.",
    }
    assert load_prompt("rewrite", own) == load_prompt("rewrite")
    assert version_of(["options"], own) != version_of(["options"])
    assert version_of(["claims", "again"], own) == version_of(["claims", "again"])


def test_a_model_is_asked_in_ones_own_words(facts, own, tmp_path):
    """The first turn is the user's; the manifest and the words' writer know the prompts."""
    asked = []

    def backend(batch):
        asked.extend(batch)
        return [None] * len(batch)

    made = {}
    for name, prompts in (("own", own), ("usual", None)):
        model = LanguageModel("silent", {}, backend, prompts=prompts)
        build_benchmark(facts, tmp_path / name, limit=1, model=model)
        made[name] = manifest_of(tmp_path / name)["config"]
    assert any(m[0]["content"].startswith("About ") for m in asked)
    assert made["own"]["prompts"] == version_of(list(FIELDS), own)
    assert "prompts" not in made["usual"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("options.txt", OWN.replace("$findings", "$finding"), r"\$finding, expected"),
        ("options.txt", OWN.replace("$findings", "these"), r"no \$findings"),
        ("options.txt", OWN.replace("$$5", "$5"), "a \\$ without a name"),
        ("options.txt", OWN.replace("[user]", "[system]"), "no turn of the user"),
        ("options.txt", "Write well.\n" + OWN, "words before the first turn"),
        ("option.txt", OWN, "option.txt, options.txt"),
    ],
)
def test_what_is_no_prompt_is_refused(own, name, text, said):
    (own / name).write_text(text)
    with pytest.raises(InputError, match=said):
        check_prompts(own)


def test_an_empty_folder_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no prompt"):
            check_prompts(place)


def test_prompts_are_for_a_language_model(own):
    with pytest.raises(UsageError, match="--prompts are for --realiser llm"):
        WriterOptions(prompts=own).model([])


def test_marks_and_bytes_of_editors(own):
    """A mark before the first letter is none of the text; other bytes are refused by name."""
    (own / "options.txt").write_bytes(b"\xef\xbb\xbf" + OWN.encode())
    check_prompts(own)
    assert load_prompt("options", own).turns[0][0] == "user"
    (own / "options.txt").write_bytes(OWN.encode("utf-16"))
    with pytest.raises(InputError, match="a text in UTF-8"):
        check_prompts(own)


def test_an_edited_prompt_is_read_again(own):
    before = load_prompt("options", own)
    (own / "options.txt").write_text(OWN + "More.\n")
    assert load_prompt("options", own).version != before.version
