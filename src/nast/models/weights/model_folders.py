"""Model folders: found on disk or on the hub, hashed, and their keys checked."""

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nast.errors import ModelError
from nast.files import read_json, write_json
from nast.hashes import content_hash, file_hash
from nast.models.weights.pretrained import load_tokenizer

FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files that decide a vector: weights, configuration, tokenizer, preprocessing."""
RECORDS = ("manifest.json", "model.json")
"""What an export of nast says about itself, with paths; it decides no vector."""
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
    "config.json",
)
"""Files that decide the ids of a text; where no other says so, `config.json` names the class."""
PICKLED = "pytorch_model*.bin"
"""Weights of old hub folders, read with `weights_only=True` where there are no safetensors."""
HARMLESS = re.compile(r"(^|\.)position_ids$|relative_position_index$")
"""Constant buffers that old releases saved as weights; any other unexpected key is an error."""


def check_keys(source: str, missing: Iterable[str], unexpected: Iterable[str]) -> None:
    """Weights must fit exactly: a key that is left out is a part of the model that is random.

    Args:
        source: the file or folder, for the message.
        missing: keys that the network has and the file lacks.
        unexpected: keys of the file that the network lacks.

    Raises:
        ModelError: any key is missing, or unexpected and not `HARMLESS`.
    """
    extra = sorted(k for k in unexpected if not HARMLESS.search(k))
    lacking = sorted(missing)
    if lacking or extra:
        raise ModelError(
            f"{source}: the weights do not fit the network: {len(lacking)} keys missing "
            f"{lacking[:6]}, {len(extra)} unexpected {extra[:6]}"
        )


def files_key(folder: Path) -> str:
    """Hash of all files of a model's folder that decide a vector."""
    files = {p for kind in FILES for p in folder.glob(kind)} - {folder / name for name in RECORDS}
    if not any(p.suffix == ".safetensors" for p in files):
        files |= set(folder.glob(PICKLED))
    return _key(files)


def tokenizer_key(folder: Path) -> str:
    """Hash of the tokenizer's files of a folder, whatever else has been fetched into it."""
    return _key({p for kind in TOKENIZER for p in folder.glob(kind)})


def _key(files: Iterable[Path]) -> str:
    return content_hash([[p.name, file_hash(p)] for p in sorted(files) if p.is_file()])


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer so that transformers 4 and 5 read it as it is.

    The name of its own class can make them build its normalisation again, without the steps that
    were put before it; the general class takes all of it from the file.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = read_json(path)
    general = config.get("tokenizer_class") == "TokenizersBackend"
    if tokenizer.is_fast and (general or _backend(folder) != _steps(tokenizer)):
        # The name that transformers 4 knows for the general class.
        write_json(path, config | {"tokenizer_class": "PreTrainedTokenizerFast"})


def _backend(folder: Path) -> Any:
    return _steps(load_tokenizer(folder))


def _steps(tokenizer: Any) -> dict[str, Any]:
    """All that makes ids of a text, without the padding and cut of the last call."""
    said = json.loads(tokenizer.backend_tokenizer.to_str())
    return {k: v for k, v in said.items() if k not in ("padding", "truncation")}


def cached_folder(identifier: str, *, weights: bool = True) -> Path | None:
    """The snapshot of a hub id in the cache of this machine, if it is whole; nothing is asked.

    Args:
        identifier: `OWNER/NAME` or `OWNER/NAME@REVISION`.
        weights: False for the configuration and the tokenizer alone.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repository, _, revision = identifier.partition("@")
    try:
        found = snapshot_download(repository, revision=revision or None, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError):
        return None
    return Path(found) if is_whole(Path(found), weights=weights) else None


def is_whole(folder: Path, *, weights: bool = True) -> bool:
    """Whether a folder holds weights or, for False, a tokenizer."""
    wanted = ("*.safetensors", PICKLED) if weights else ("tokenizer.json", "vocab.txt")
    return any(next(folder.glob(pattern), None) for pattern in wanted)


def hub_folder(identifier: str, *, weights: bool = True) -> Path:
    """The cached snapshot of a hub id; only what is not cached is asked of the hub.

    A folder whose name is mistyped can look like an id. So nothing is asked where a folder of the
    owner's name lies here, unless a revision says that the hub is meant; nothing where
    `HF_HUB_OFFLINE` is set; and before anything is, a line says so.

    Args:
        identifier: `OWNER/NAME` or `OWNER/NAME@REVISION`.
        weights: False for the configuration and the tokenizer alone.

    Raises:
        ModelError: no such id, not cached and no network, or the terms were not accepted.
    """
    repository, _, revision = identifier.partition("@")
    owner, _, name = repository.partition("/")
    if not re.fullmatch(r"\w[\w.-]*", owner) or not re.fullmatch(r"\w[\w.-]*", name):
        raise ModelError(f"{identifier}: no such folder, and not of the form OWNER/NAME of the hub")
    if not revision and Path(owner).is_dir():
        raise ModelError(
            f"{identifier}: no such folder; {owner}/ is one here, so the hub is not asked. Correct "
            f"the path, or write {repository}@main for the model of that name on the hub"
        )
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def snapshot(patterns: Iterable[str]) -> Path:
        found = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=list(patterns),
            local_files_only=False,
        )
        return Path(found)

    files = FILES if weights else FILES[1:]
    if cached := cached_folder(identifier, weights=weights):
        return cached
    if not constants.HF_HUB_OFFLINE:
        said = "%s is neither a folder here nor in the cache: asking the Hugging Face hub for it"
        logging.getLogger(__name__).warning(said, repository)
    try:
        folder = snapshot(files)
        return folder if is_whole(folder, weights=weights) else snapshot((*files, PICKLED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"{identifier}: no such folder here, and the hub gives none ({reason}). Offline: "
            f"`hf download {repository}` on a machine with network, then its folder; models with "
            "terms of use need them accepted on the hub and `hf auth login`"
        ) from None
