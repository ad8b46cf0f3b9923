"""The key of a checkpoint of open_clip: of its files and of what its configuration says."""

from pathlib import Path

from nast.hashes import content_hash, file_hash
from nast.models.families.openclip_config import Settings
from nast.models.families.openclip_siglip import SiglipSettings
from nast.models.weights.model_folders import tokenizer_key

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
