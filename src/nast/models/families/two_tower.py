"""`two-tower:SPEC.yaml`: a BERT and an image encoder with projection heads, from a specification.

BioViL, BioViL-T, both MedCLIPs, CXR-CLIP and pairs of your own; docs/models.md has the format.
"""

from collections.abc import Callable, Mapping, MutableMapping
from fnmatch import fnmatchcase
from functools import partial
from math import exp
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer, BertTokenizer

from nast.errors import ModelError
from nast.files import MANIFEST, read_json
from nast.hashes import content_hash, file_hash
from nast.models.contract import DualEncoder
from nast.models.families.heads import ImageTower, ReadyTower, build_head
from nast.models.families.spec import (
    ImageSection,
    ReadySection,
    TextSection,
    TowerSpec,
    read_spec,
)
from nast.models.families.towers import two_towers
from nast.models.preprocess import to_pixels
from nast.models.ready import read_ready
from nast.models.weights.checkpoints import read_tensors
from nast.models.weights.encoders import build_encoder
from nast.models.weights.model_folders import check_keys, hub_folder, tokenizer_key
from nast.models.weights.pretrained import load_tokenizer, refuse_adapter
from nast.models.weights.vector_files import vectors_key

Weights = MutableMapping[str, torch.Tensor]
Files = tuple[Path, ...]
PLACES = ("weights", "tokenizer", "vectors")
"""Keys that say where a file is; what it holds is a part of the model's key."""
NewHead = Callable[[int, int], nn.Sequential]
Section = TextSection | ImageSection | ReadySection


def load_two_tower(place: str, name: str, new_head: NewHead | None = None) -> DualEncoder:
    """Load a model from its specification.

    Args:
        place: a YAML file, see `nast.models.families.spec`; files are looked for in its folder.
        name: how results call the model.
        new_head: makes the head on ready vectors in place of the specification's, from their length
            and that of the text tower's vectors.

    Raises:
        ModelError: the specification is wrong, a file is missing, keys are missing or left over,
            or the towers do not end in vectors of one length.
    """
    path = Path(place)
    spec = read_spec(path)
    sections: dict[str, Section] = {"text": spec.text, "image": spec.image}
    configs = {p: _config(path, getattr(s, "config", {})) for p, s in sections.items()}
    files = {
        part: tuple(_file(path, f"{part}.weights", one) for one in section.weights)
        for part, section in sections.items()
    }
    read = {group: _read(path, group, spec.ignore) for group in set(files.values())}
    text, image = (read[files[part]] for part in ("text", "image"))
    text_head = build_head(spec.text.head, text)
    image_head = build_head(spec.image.head, image)
    scale = _scale(path, spec.scale, list(read.values()))
    bert = build_encoder(
        "bert",
        configs["text"],
        _take(text, spec.text.prefix),
        _names(files["text"]),
        pooler=spec.text.pooling == "cls_tanh",
    )
    ready = None
    if isinstance(spec.image, ReadySection):
        ready = read_ready(path.parent / spec.image.vectors, spec.image.key)
        width = ready.values.shape[1]
        if new_head:
            with torch.no_grad():
                out = text_head(torch.zeros(1, 1, bert.config.hidden_size)).shape[-1]
            image_head = new_head(width, out)
        tower: ImageTower | ReadyTower = ReadyTower(image_head, width)
    else:
        own = _take(image, spec.image.prefix)
        encoder = build_encoder(spec.image.encoder, configs["image"], own, _names(files["image"]))
        tower = ImageTower(encoder, image_head, spec.image.pooling)
    for group, left in read.items():
        check_keys(f"{_names(group)} (`ignore` lists what no vector depends on)", [], left)
    folder = tokenizer_here(path, spec) or hub_folder(spec.text.tokenizer, weights=False)
    pixels = spec.preprocessing.model_dump() if spec.preprocessing else {}
    model = two_towers(
        bert,
        text_head,
        tower,
        _tokenizer(folder),
        partial(to_pixels, settings=pixels),
        scale,
        spec.text,
        name=name,
        source=place,
        key=_key(path, spec, configs, folder, files),
        ready=ready.of if ready else None,
    )
    if isinstance(spec.image, ReadySection) and ready:
        file, rows = str(path.parent / spec.image.vectors), len(ready.rows)
        model.spec["vectors"] = {"file": file, "key": ready.key, "rows": rows}
    model.spec["preprocessing"] = pixels
    if (path.parent / MANIFEST).is_file():
        # A folder of nast, with the access class of the data that went into it.
        model.made_from = [path.parent]
    model.spec |= {"name": spec.name, "licence": spec.licence, "trained_on": spec.trained_on}
    return model


def tokenizer_here(path: Path, spec: TowerSpec) -> Path | None:
    """The tokenizer's folder beside a specification, where one is: the folder that it names, or
    one with the last part of a hub's name.
    """
    named, here = spec.text.tokenizer, path.parent
    places = (here / named, here / Path(named.partition("@")[0]).name)
    return next((place for place in places if place.is_dir()), None)


def _key(
    path: Path,
    spec: TowerSpec,
    configs: Mapping[str, Any],
    tokenizer: Path,
    files: Mapping[str, Files],
) -> str:
    """Of what the specification says, and of the files' content in place of their names."""
    said = spec.model_dump(include={"preprocessing", "scale", "text", "image"})
    for part, config in configs.items():
        own = {k: v for k, v in said[part].items() if k not in PLACES}
        said[part] = own | {"config": config}
    hashes = {part: [file_hash(file) for file in group] for part, group in files.items()}
    if isinstance(spec.image, ReadySection):
        hashes["vectors"] = [vectors_key(path.parent / spec.image.vectors)]
    return content_hash([said, tokenizer_key(tokenizer), hashes])


def _names(files: Files) -> str:
    return ", ".join(map(str, files))


def _file(spec: Path, key: str, entry: str) -> Path:
    """The weights' file itself, safetensors first in a folder."""
    place = spec.parent / entry
    refuse_adapter(place)
    inside = [place / n for n in ("model.safetensors", "pytorch_model.bin")]
    file = next((p for p in inside if p.is_file()), place)
    if not file.is_file():
        raise ModelError(
            f"{spec}: {key}: found no file {place}, expected weights, or a folder "
            f"with {' or '.join(p.name for p in inside)}"
        )
    return file


def _read(spec: Path, files: Files, ignore: list[str]) -> Weights:
    weights: dict[str, torch.Tensor] = {}
    for file in files:
        more = read_tensors(file)
        if twice := weights.keys() & more.keys():
            raise ModelError(
                f"{spec}: {_names(files)}: {len(twice)} keys stand in two files, "
                f"among them {min(twice)!r}"
            )
        weights |= more
    return {
        k: v.float() if v.is_floating_point() else v
        for k, v in weights.items()
        if not any(fnmatchcase(k, pattern) for pattern in ignore)
    }


def _take(weights: Weights, prefix: str) -> dict[str, torch.Tensor]:
    names = [k for k in weights if k.startswith(prefix)]
    return {k.removeprefix(prefix): weights.pop(k) for k in names}


def _config(spec: Path, given: Any) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    place = spec.parent / given
    file = place / "config.json" if place.is_dir() else place
    if not file.is_file():
        raise ModelError(f"{spec}: config: found no file {file}, expected a config.json")
    return read_json(file)


def _scale(spec: Path, given: Any, files: list[Weights]) -> float:
    if not isinstance(given, dict):
        return float(given)
    holder = next((w for w in files if given["key"] in w), None)
    if holder is None:
        raise ModelError(f"{spec}: scale.key: found no key {given['key']!r} in the weights")
    return min(exp(float(holder.pop(given["key"]))), float(given.get("max", "inf")))


def _tokenizer(folder: Path) -> Any:
    file = folder / "tokenizer_config.json"
    # CXR-BERT brings code for a class that is BERT's under another name; it is not run.
    own_code = file.is_file() and "auto_map" in read_json(file)
    return load_tokenizer(folder, BertTokenizer if own_code else AutoTokenizer)
