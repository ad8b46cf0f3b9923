"""YAML files of a user: what is wrong is named with its line and key, and no value is shown."""

from typing import Literal

import pytest
from pydantic import Field

from nast.errors import InputError
from nast.yaml_files import StrictModel, load_yaml, read_yaml


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
            r"key 'wheels\.1\.size': found nothing, expected a s",
        ),
        (GOOD + "wheigt: 3", r"line 7, key 'wheigt': found an unknown key, expected 'weight'"),
        (GOOD + "colour: 3", r"'colour': found an unknown key, expected one of name, wheels, we"),
        (
            GOOD.replace("kind: rear", "kind: Jane Doe"),
            r"line 5, .*found text of 8 characters, exp",
        ),
        (GOOD.replace("12", "'12'"), r"key 'weight': found '12', expected a valid number"),
        (GOOD + "spare: {size: x}", r"line 7, key 'spare\.size': found 'x', expected a size"),
        ("name: Ann\nwheels: []", r"line 2, key 'wheels': found a list of 0, expected "),
        ("name: Ann\nname: Bob", r"line 1: found no YAML"),
        ("name: [", "found no YAML"),
        ("- 1", r"bicycle\.yaml: found a list of 1"),
        ("", r"bicycle\.yaml: found nothing, expected "),
        ("name: !!python/object/apply:os.getpid []", r"found no YAML"),
        ("name: 2020-99-99", r"found no YAML"),
    ],
)
def test_an_error_names_line_key_and_what_is_expected(text, said, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        read_yaml(written(tmp_path, text), Bicycle)
    assert "\n" not in str(error.value) and "Jane" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="found no such file, expected a table of wheels"):
        load_yaml(tmp_path / "gone.yaml", "a table of wheels")
