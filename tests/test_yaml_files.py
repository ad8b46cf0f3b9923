"""YAML files of a user: what is wrong is named with its line and key, and no value is shown."""

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, Field, model_validator

from nast.errors import InputError
from nast.yaml_files import StrictModel, UnfitError, load_yaml, read_yaml


class Wheel(StrictModel):
    size: int = Field(gt=0, description="a size in inches")
    kind: Literal["front", "rear"] = "front"


class Bicycle(StrictModel):
    name: str
    wheels: list[Wheel] = Field(min_length=1)
    weight: float | None = None
    spare: Wheel | None = None


GOOD = "name: Ann\nwheels:\n  - size: 28\n  - size: 26\n    kind: rear\nweight: 12\n"


def written(tmp_path, text):
    path = tmp_path / "bicycle.yaml"
    path.write_text(text)
    return path


def test_a_file_becomes_its_model(tmp_path):
    read = read_yaml(written(tmp_path, GOOD), Bicycle)
    assert [w.size for w in read.wheels] == [28, 26] and read.wheels[1].kind == "rear"
    assert (read.weight, read.spare) == (12, None)
    several = read_yaml(written(tmp_path, "a: {size: 1}\nb: {size: 2}"), dict[str, Wheel])
    assert several["b"].size == 2


def test_what_is_expected_is_found_below_every_kind_of_type(tmp_path):
    kind = Annotated[dict[str, Wheel | None], AfterValidator(lambda wheels: wheels)]
    for text, said in (
        ("a: {size: x}", "key 'a.size': found 'x', expected a size in inches"),
        ("a: {sise: 1, size: 2}", "key 'a.sise': found an unknown key, expected 'size'"),
        ("a: {}", "key 'a.size': found nothing, expected a size in inches"),
        ("a: 1", "key 'a': found 1, expected keys with values"),
    ):
        with pytest.raises(InputError, match=said):
            read_yaml(written(tmp_path, text), kind)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wheels: [{size: 1}]", r"key 'name': found nothing, expected a value"),
        (
            GOOD.replace("size: 26", "size: no"),
            r"line 4, key 'wheels\.1\.size': found false, .*a si",
        ),
        (GOOD.replace("size: 26", "size: 0"), r"line 4, .*found 0, expected a size in inches"),
        (
            GOOD.replace("size: 26", "sise: 26"),
            r"line 4, key 'wheels\.1\.sise': found an unknown key, expected 'size'",
        ),
        (GOOD + "wheigt: 3", r"line 7, key 'wheigt': found an unknown key, expected 'weight'"),
        (GOOD + "colour: 3", r"'colour': found an unknown key, expected one of name, wheels, we"),
        (
            GOOD.replace("kind: rear", "kind: Jane Doe"),
            r"line 5, .*found text of 8 characters, exp",
        ),
        (GOOD.replace("12", "'12'"), r"key 'weight': found '12', expected a number"),
        (GOOD + "spare: {size: x}", r"line 7, key 'spare\.size': found 'x', expected a size"),
        ("name: Ann\nwheels: []", r"line 2, key 'wheels': found a list of 0, expected "),
        ("name: Ann\nname: Bob", r"line 2: found a key twice"),
        ("name: [", "found no YAML"),
        ("- 1", r"bicycle\.yaml: found a list of 1, expected a mapping"),
        ("", r"bicycle\.yaml: found nothing, expected "),
        ("name: !!python/object/apply:os.getpid []", r"line 1: found a tag"),
        ("name: 2020-99-99", r"found no YAML"),
        ("name: A\nname: !!str B", r"line 2: found a tag"),
        ('name: "\\ud800"', r"line 1: found half a character"),
        ("a: &a [1]\nb: {c: *a}\n---\nd: 1", r"line 3: found no YAML"),
        ("name: &a [*a]", r"found more than 100,000 values"),
        ("name:\nwheels: []", r"key 'name': found nothing"),
        ("# " + "x" * 2**20, r"found more than 1 MiB"),
    ],
)
def test_an_error_names_line_key_and_what_is_expected(text, said, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        read_yaml(written(tmp_path, text), Bicycle)
    assert "\n" not in str(error.value) and "Jane" not in str(error.value)


def test_aliases_do_not_multiply(tmp_path):
    bomb = "a0: &a0 [1, 1]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
    )
    with pytest.raises(InputError, match="found more than 100,000 values"):
        load_yaml(written(tmp_path, bomb), "a mapping")
    merged = load_yaml(written(tmp_path, "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 1e-3}"), "a mapping")
    assert merged["b"] == {"x": 1, "y": 0.001}


def test_texts_stay_as_they_are_written(tmp_path):
    text = "a: yes\nb: 1.0\nc: [2020-99-99, null]\nd:\n"
    assert load_yaml(written(tmp_path, text), "a mapping", texts=True) == {
        "a": "yes",
        "b": "1.0",
        "c": ["2020-99-99", "null"],
        "d": "",
    }


def test_other_encodings_are_refused(tmp_path):
    path = tmp_path / "x.yaml"
    for data, line in (("a: ä".encode("utf-16"), 1), ("a: 1\nb: ä".encode("latin-1"), 2)):
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"line {line}: found bytes that are not UTF-8"):
            load_yaml(path, "a mapping")


def test_a_validator_names_what_it_refuses(tmp_path):
    class Pair(StrictModel):
        names: dict[str, str]

        @model_validator(mode="after")
        def _unlike(self):
            if self.names["a"] == self.names["b"]:
                raise UnfitError("that of a", "another name", "names", "b")
            return self

    with pytest.raises(InputError, match=r"line 3, key 'names\.b': found that of a, expected ano"):
        read_yaml(written(tmp_path, "names:\n  a: x\n  b: x\n"), Pair)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="found no such file, expected a table of wheels"):
        load_yaml(tmp_path / "gone.yaml", "a table of wheels")
