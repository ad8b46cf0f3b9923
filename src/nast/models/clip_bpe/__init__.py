"""CLIP's byte-pair encoding: the tokenizer of every model in OpenAI's layout, without a download.

The merges are OpenAI's (MIT licence, beside this file).
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from nast.models.cleaning import cleaning

MERGES = Path(__file__).parent / "merges.txt.gz"
START, END = "<|startoftext|>", "<|endoftext|>"
SIZE = 49408
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@cache
def clip_tokenizer(context: int = 77) -> PreTrainedTokenizerFast:
    """The same as `new_clip_tokenizer`, made once in a process."""
    return new_clip_tokenizer(context)


def new_clip_tokenizer(context: int = 77) -> PreTrainedTokenizerFast:
    """The tokenizer of OpenAI's CLIP and of open_clip's `SimpleTokenizer`: 49,408 tokens.

    Args:
        context: longest row of ids, with both special tokens.

    Returns:
        A tokenizer of transformers that pads with the end token, as the hub's CLIP folders do.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(),
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


@cache
def _vocabulary() -> tuple[dict[str, int], list[Any]]:
    with gzip.open(MERGES, "rt", encoding="utf-8") as file:
        merges = [tuple(line.split()) for line in file]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(c + "</w>" for c in letters), *("".join(m) for m in merges), START, END]
    return {word: number for number, word in enumerate(words)}, merges


def _backend() -> Tokenizer:
    vocabulary, merges = _vocabulary()
    tokenizer = Tokenizer(
        BPE(
            vocabulary,
            merges,
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
            unk_token=END,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([*cleaning(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, SIZE - 1), (START, SIZE - 2), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def is_clip_bpe(tokenizer: Any) -> bool:
    """Whether a tokenizer has CLIP's vocabulary, number for number."""
    return tokenizer.get_vocab() == _vocabulary()[0]
