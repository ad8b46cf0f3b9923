"""Model folders: found on disk or on the hub, hashed, and their keys checked."""

import re
from collections.abc import Iterable
from pathlib import Path

from nast.errors import ModelError
from nast.store import content_hash, file_hash

FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files that decide a vector: weights, configuration, tokenizer, preprocessing."""
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
    """Hash of all files of a folder that decide a vector."""
    files = {p for kind in FILES for p in folder.glob(kind)}
    if not any(p.suffix == ".safetensors" for p in files):
        files |= set(folder.glob(PICKLED))
    return content_hash([[p.name, file_hash(p)] for p in sorted(files)])


def hub_folder(identifier: str, *, weights: bool = True) -> Path:
    """The cached snapshot of a hub id, fetched if it is not there yet.

    Args:
        identifier: `OWNER/NAME` or `OWNER/NAME@REVISION`.
        weights: False for the configuration and the tokenizer alone.

    Raises:
        ModelError: no such id, not cached and no network, or the terms were not accepted.
    """
    repository, _, revision = identifier.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ModelError(f"{identifier}: no such folder, and not of the form OWNER/NAME of the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def snapshot(patterns: Iterable[str], offline: bool) -> Path:
        return Path(snapshot_download(repository, revision=revision or None,
                                      allow_patterns=list(patterns),
                                      local_files_only=offline))  # fmt: skip

    def whole(folder: Path) -> bool:
        wanted = ("*.safetensors", PICKLED) if weights else ("tokenizer.json", "vocab.txt")
        return any(next(folder.glob(pattern), None) for pattern in wanted)

    files = FILES if weights else FILES[1:]
    try:
        if whole(folder := snapshot(files, offline=True)):
            return folder
    except LocalEntryNotFoundError:
        pass
    try:
        folder = snapshot(files, offline=False)
        return folder if whole(folder) else snapshot((*files, PICKLED), offline=False)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{identifier}: no such folder here, and the hub gives none ({reason}). Offline: "
            f"`hf download {repository}` on a machine with network, then its folder; models with "
            "terms of use need them accepted on the hub and `hf auth login`"
        ) from None
