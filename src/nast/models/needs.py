"""What a model needs on this machine before it can be loaded: nothing is loaded or downloaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nast.errors import InputError, ModelError
from nast.files import read_json
from nast.models.families.openclip_config import ARCHITECTURES, WEIGHTS
from nast.models.families.spec import ReadySection, read_spec
from nast.models.families.two_tower import tokenizer_here
from nast.models.named import named_models
from nast.models.registry import CHANGED, split_share
from nast.models.weights.model_folders import PICKLED, cached_folder
from nast.naming import split_name

TOKENIZER = ("tokenizer.json", "vocab.txt")
"""Files of which a tokenizer has one, CLIP's own aside."""
PUBMED_TOKENIZER = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
"""Of BiomedCLIP and UniMed-CLIP."""
INSIDE = ("model.safetensors", "pytorch_model.bin")
"""The weights of a folder that a specification names."""


class Need(NamedTuple):
    """A file or folder that a model is made of.

    Attributes:
        what: weights, configuration, tokenizer, specification or run.
        place: where it is, or should be.
        size: bytes of the files; None where it is not there.
        mend: how it gets there; empty where it is.
    """

    what: str
    place: str
    size: int | None
    mend: str = ""


def needs_of(spec: str) -> list[Need]:
    """What a MODEL needs, found or not.

    Args:
        spec: a MODEL, or NAME=MODEL.

    Returns:
        One entry for each part; none for the models that come with packages.

    Raises:
        ModelError: its specification, or the record of a run, cannot be read.
    """
    kind, _, place = split_name(spec)[1].partition(":")
    if kind in CHANGED:
        return needs_of(place)
    found = _KINDS[kind](place) if kind in _KINDS else iter(())
    return list(found)


def _hf(place: str) -> Iterator[Need]:
    folder = Path(place) if Path(place).is_dir() else cached_folder(place)
    if folder is None:
        repository = place.partition("@")[0]
        mend = f"`hf download {repository}` where there is a network, then hf:FOLDER of what it got"
        yield Need("weights and tokenizer", place, None, mend)
        return
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob(PICKLED))
    yield _files("weights", folder, weights, "weights in the layout of transformers")
    yield _files(
        "configuration", folder, [folder / "config.json"], "config.json beside the weights"
    )
    tokenizer = [folder / name for name in (*TOKENIZER, "vocab.json")]
    tokenizer += folder.glob("*.model")
    yield _files("tokenizer", folder, tokenizer, "the tokenizer's files beside the weights")


def _openclip(place: str) -> Iterator[Need]:
    arch, _, checkpoint = place.partition(":")
    path = Path(checkpoint or arch)
    if path.is_dir():
        weights = [path / name for name in WEIGHTS if (path / name).is_file()][:1]
        yield _files("weights", path, weights, f"one of {', '.join(WEIGHTS)}")
    else:
        yield _files("weights", path, [path] if path.is_file() else [], _published(path.name))
    known = ARCHITECTURES.get(arch)
    if known and known.layout.text == "bert":
        beside = path if path.is_dir() else path.parent
        there = [beside / name for name in TOKENIZER if (beside / name).is_file()]
        mend = f"the files of `hf download {PUBMED_TOKENIZER}` beside the weights"
        yield _files("tokenizer", beside, there[:1], mend)


def _two_tower(place: str) -> Iterator[Need]:
    path = Path(place)
    spec = read_spec(path)
    published = f"{spec.name}: {spec.weights}"
    for name in dict.fromkeys((*spec.text.weights, *spec.image.weights)):
        entry = path.parent / name
        inside = [entry / file for file in INSIDE if (entry / file).is_file()][:1]
        files = inside or ([entry] if entry.is_file() else [])
        yield _files("weights", entry, files, published)
    if isinstance(spec.image, ReadySection):
        given = path.parent / spec.image.vectors
        files = [p for p in given.rglob("*") if p.is_file()] if given.is_dir() else [given]
        yield _files("vectors", given, files, f"vectors known by {spec.image.key}")
    folder = tokenizer_here(path, spec)
    named = spec.text.tokenizer
    folder = folder or cached_folder(named, weights=False)
    if folder is None:
        mend = f"`hf download {named}` where there is a network, copied to {path.parent / named}"
        yield Need("tokenizer", str(path.parent / named), None, mend)
        return
    yield _files("tokenizer", folder, [folder / name for name in TOKENIZER], "")


def _run(place: str) -> Iterator[Need]:
    folder, _ = split_share(place)
    record = folder / "run.json"
    weights = [p for p in (folder / "lora").glob("adapter_model.safetensors")]
    yield _files("run", folder, weights, "the folder as nast train left it")
    try:
        said = read_json(record) if record.is_file() else {}
    except InputError as error:
        raise ModelError(str(error)) from None
    base = said.get("base_at") or said.get("base")
    if isinstance(base, str):
        yield from needs_of(base)


def _files(what: str, place: Path, files: list[Path], mend: str) -> Need:
    """A part whose files are there, or the way to get it."""
    there = [file for file in files if file.is_file()]
    if not there:
        return Need(what, str(place), None, mend)
    return Need(what, str(place), sum(file.stat().st_size for file in there))


def _published(name: str) -> str:
    """Where a file of a known name is published."""
    for entry in named_models():
        if Path(entry.model.rpartition(":")[2]).name == name:
            return f"{entry.name}: {entry.weights}"
    return "the file, at that path"


_KINDS = {"hf": _hf, "openclip": _openclip, "two-tower": _two_tower, "run": _run}
