"""Models that people compare: where the weights are, their licence, what they have seen."""

from pathlib import Path
from typing import NamedTuple

import yaml

FILE = Path(__file__).with_name("named.yaml")


class NamedModel(NamedTuple):
    """One entry of `named.yaml`.

    Attributes:
        name: as papers call it.
        paper: whether it stands in the paper's tables.
        model: the MODEL string that runs it, with the published file name.
        weights: where its authors publish them; nast downloads nothing unasked.
        licence: of the weights.
        seen: public chest radiograph sets in its training data, on which it is not zero-shot.
    """

    name: str
    paper: bool
    model: str
    weights: str
    licence: str
    seen: tuple[str, ...]


def named_models() -> list[NamedModel]:
    """All entries, in the order of the file: the paper's models and their kin first."""
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [NamedModel(**(e | {"seen": tuple(e["seen"])})) for e in entries]
