"""What models do to a text before they tokenise it.

OpenAI's CLIP and open_clip have it as a part of the tokenizer: ftfy, HTML entities resolved twice,
white space collapsed. Of ftfy, this has what reports hold: quotation marks, ligatures, NFC. ftfy
also mends wrongly decoded text ("Ã©"), full-width letters and control characters; such text is left
as it is.
"""

from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, normalizers

_REPLACED = (
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#39;", "'"),
    ("&nbsp;", " "),
    (Regex("[\u02bc\u2018-\u201b]"), "'"),
    (Regex("[\u201c-\u201f]"), '"'),
    ("\ufb00", "ff"),
    ("\ufb01", "fi"),
    ("\ufb02", "fl"),
    ("\ufb03", "ffi"),
    ("\ufb04", "ffl"),
)

_PUNCTUATION = Regex(r"[!-/:-@\[-`{-~]")
CLEAN: dict[str, list[Any]] = {
    "whitespace": [],
    "lower": [normalizers.Lowercase()],
    "canonicalize": [
        normalizers.Replace("_", " "),
        normalizers.Replace(_PUNCTUATION, ""),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ],
}
"""open_clip's names: SigLIP sees a text in lower case and without punctuation."""


def cleaning() -> list[Any]:
    """The steps as normalizers of a tokenizer, in their order."""
    return [
        *(normalizers.Replace(found, by) for found, by in _REPLACED),
        normalizers.NFC(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]


def with_cleaning(tokenizer: Any, clean: str = "whitespace") -> Any:
    """The same tokenizer, which cleans a text first.

    Args:
        tokenizer: of transformers.
        clean: a name of `CLEAN`, what follows the steps that every model of open_clip takes.
    """
    backend = tokenizer.backend_tokenizer
    own = [backend.normalizer] if backend.normalizer is not None else []
    backend.normalizer = normalizers.Sequence([*cleaning(), *CLEAN[clean], *own])
    return tokenizer


TEXT_RULES = {
    "lower": str.lower,
    "no end marks": lambda text: text.rstrip("!?."),
}
"""Names that a specification may list under `text rules`, in the order they apply."""


def apply_rules(text: str, rules: Sequence[str]) -> str:
    """The text after each of `rules`, which are names of `TEXT_RULES`."""
    for rule in rules:
        text = TEXT_RULES[rule](text)
    return text
