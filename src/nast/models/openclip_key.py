"""The key of a checkpoint of open_clip: of its files and of what its configuration says."""

from collections.abc import Sequence
from pathlib import Path

from nast.models.clip_bpe import new_clip_tokenizer
from nast.models.folders import tokenizer_key
from nast.models.openclip_config import Settings
from nast.models.openclip_siglip import SiglipSettings
from nast.models.openclip_towers import folder_tokenizer
from nast.store import content_hash, file_hash

CLIP_BPE = "CLIP's own tokenizer"


def openclip_key(
    file: Path, settings: Settings, siglip: SiglipSettings | None, own_tokenizer: bool
) -> str:
    """Hash of everything that decides a vector.

    Args:
        file: the weights.
        settings: what the tensors do not say.
        siglip: what they do not say of a SigLIP.
        own_tokenizer: the tokenizer's files lie beside the weights; else it is CLIP's.
    """
    tokenizer = tokenizer_key(file.parent) if own_tokenizer else CLIP_BPE
    said = [settings._asdict(), siglip and siglip._asdict()]
    return content_hash([file_hash(file), *said, tokenizer])


def former_keys(
    file: Path, settings: Settings, siglip: SiglipSettings | None, own_tokenizer: bool
) -> Sequence[str]:
    """The keys of releases that hashed the tokenizer as its library wrote it.

    CLIP's own was written with the padding and the cut of its last call, or with neither.
    """
    if own_tokenizer:
        tokenizer = folder_tokenizer(file.parent, siglip.clean if siglip else "whitespace")
    else:
        tokenizer = new_clip_tokenizer(settings.context)
    states = [tokenizer.backend_tokenizer.to_str()]
    if not own_tokenizer:
        tokenizer("", padding=True, truncation=True, max_length=settings.context)
        states.append(tokenizer.backend_tokenizer.to_str())
    parts = [file_hash(file), settings, *([siglip] if siglip else [])]
    return [content_hash([*parts, state]) for state in states]
