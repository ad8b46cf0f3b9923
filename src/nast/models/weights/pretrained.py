"""What transformers reads of a folder: a tokenizer, a processor; nothing of the folder is run.

A folder may be cut short, foreign or hostile: whatever a library makes of it, the package's own
error comes out, in one line.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoImageProcessor, AutoTokenizer
from transformers.utils import logging

from nast.errors import ModelError, NastError

SAFELY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""For every `from_pretrained`: no network, and no code that a folder brings (`auto_map`)."""
TOKENIZERS = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("*.model",))
"""Files of which one row must be there: each alone makes a tokenizer."""
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
ADAPTER = "adapter_config.json"
LONGEST = 300
"""Characters of a library's message that are shown."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Within it, what a library raises of foreign files is a `ModelError`; its log is hidden.

    Args:
        what: the file or folder, and what it should be.

    Raises:
        ModelError: in place of any other error.
    """
    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    except (NastError, Warning, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # Libraries in Rust panic with an error that is no `Exception`.
    except BaseException as error:
        words = " ".join(str(error).split())[:LONGEST]
        raise ModelError(f"{what}: {type(error).__name__}: {words}") from error
    finally:
        logging.set_verbosity(level)


def load_tokenizer(folder: Path, loader: Any = AutoTokenizer) -> Any:
    """The tokenizer of a folder.

    Args:
        folder: holds its files.
        loader: a class of transformers.

    Raises:
        ModelError: its files are missing or are no tokenizer.
    """
    if not any(all(any(folder.glob(n)) for n in names) for names in TOKENIZERS):
        there = sorted(p.name for p in folder.glob("*token*")) + sorted(
            p.name for name in ("vocab.json", "merges.txt") for p in folder.glob(name)
        )
        raise ModelError(
            f"{folder}: no tokenizer: found {', '.join(there) or 'none of its files'}, expected "
            f"{', or '.join(' with '.join(names) for names in TOKENIZERS)}; copy those of the "
            "model's own page beside its weights"
        )
    with refusing(f"{folder}: no tokenizer"):
        return loader.from_pretrained(folder, **SAFELY)


def load_processor(folder: Path) -> Any:
    """The image processor of a folder.

    Raises:
        ModelError: its files are missing or are no processor.
    """
    if not any((folder / name).is_file() for name in PROCESSORS):
        raise ModelError(
            f"{folder}: no {PROCESSORS[0]}, which says how images are sized and scaled; copy that "
            "of the model's own page beside its weights"
        )
    with refusing(f"{folder}: no image processor"):
        return AutoImageProcessor.from_pretrained(folder, backend="pil", **SAFELY)


def refuse_kernels(config: Any, where: str) -> None:
    """A configuration may name attention that lies on the hub; that is code.

    Args:
        config: of a `config.json`, with what it holds.
        where: the file, for the message.

    Raises:
        ModelError: it does.
    """
    if isinstance(config, dict):
        for name, value in config.items():
            if str(name).endswith("_implementation") and "/" in str(value):
                raise ModelError(
                    f"{where}: {name} names code of the hub, which is not run; take the key out"
                )
            refuse_kernels(value, where)


def refuse_adapter(folder: Path) -> None:
    """LoRA weights alone are no model, and transformers would fetch the base that they name.

    Raises:
        ModelError: the folder is one that peft wrote.
    """
    if (folder / ADAPTER).is_file():
        raise ModelError(
            f"{folder}: LoRA weights of peft ({ADAPTER}) and no model of their own; put them on "
            f"their base: PeftModel.from_pretrained(BASE, '{folder}').merge_and_unload()"
            ".save_pretrained('OUT'), copy the base's tokenizer and preprocessor files to OUT, and "
            "load hf:OUT. A run of nast train is loaded as run:FOLDER"
        )
