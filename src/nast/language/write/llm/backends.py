"""Language models as functions: conversations in, answers out.

A model in this process sends nothing anywhere and needs no leave of `access.guard`; one behind
an address is `server.server_model`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from nast.errors import ModelError
from nast.language.write.llm.prompts import Messages
from nast.language.write.llm.retry import whole_lines

Backend = Callable[[Sequence[Messages]], Sequence[str | None]]
"""Answers some conversations, in their order; None where there is no answer."""
IN_PROCESS = {"allowed_by": "a model in this process"}


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model and all that decides its answers.

    Attributes:
        name: what `realiser` columns and the cache call the model. It must tell two sets of
            weights apart.
        decoding: all other settings that change an answer: temperature, seed, tokens at most.
        backend: the function that answers.
        chunk: conversations per call; answers are kept after each call.
        allowed: what allowed data to reach the model, for the manifest.
        refused: what a server refused of the decoding, in words; grows while it answers.
    """

    name: str
    decoding: Mapping[str, Any]
    backend: Backend
    chunk: int = 64
    allowed: Mapping[str, Any] = field(default_factory=lambda: dict(IN_PROCESS))
    refused: list[str] = field(default_factory=list)


def vllm_model(
    model: str,
    *,
    name: str | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    max_tokens: int = 512,
    **options: Any,
) -> LanguageModel:
    """A model that vLLM runs in this process, thousands of conversations at a time.

    Args:
        model: a folder of weights, or a name on the Hugging Face hub (downloaded by vLLM).
        name: see `LanguageModel`; the last part of `model` unless given.
        temperature: 0 for the likeliest words.
        seed: of the sampling.
        max_tokens: of one answer.
        options: further arguments of `vllm.LLM`, such as `max_model_len`.

    Raises:
        ModelError: vLLM is not installed.
    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    try:
        from vllm import LLM, SamplingParams
    except ImportError:
        raise ModelError(
            "vLLM is not installed here; pip install vllm, or use a server or a local folder"
        ) from None
    decoding = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    engine = LLM(model=model, seed=seed, **options)

    def backend(batch: Sequence[Messages]) -> list[str | None]:
        conversations = [[dict(turn) for turn in messages] for messages in batch]
        results = engine.chat(conversations, SamplingParams(**decoding), use_tqdm=False)
        firsts = [r.outputs[0] if r.outputs else None for r in results]
        return [
            one and (whole_lines(one.text) if one.finish_reason == "length" else one.text)
            for one in firsts
        ]

    return LanguageModel(
        name or Path(model).name, {"runtime": "vllm", **decoding}, backend, chunk=1024
    )


def transformers_model(
    path: Path,
    *,
    name: str | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    max_tokens: int = 512,
) -> LanguageModel:
    """A model that transformers runs in this process from local files, one conversation at a time.

    Slow without a graphics card; for small models, and where nothing else can be installed.

    Args:
        path: a folder with safetensors, or a GGUF file (needs the package `gguf`).
        name: see `LanguageModel`; the file's or folder's name unless given.
        temperature: 0 for the likeliest words.
        seed: of the sampling; each conversation starts from it.
        max_tokens: of one answer.

    Raises:
        ModelError: there is no such model, `gguf` is missing, or the model has no chat template.
    """
    tokenizer, network = _load(Path(path))
    decoding = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    sampling = {"do_sample": True, "temperature": temperature} if temperature else {}
    end = tokenizer.eos_token_id

    def answer(messages: Messages) -> str:
        import torch

        inputs = tokenizer.apply_chat_template(
            [dict(turn) for turn in messages],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        given = inputs["input_ids"].shape[1]
        torch.manual_seed(seed)
        with torch.inference_mode():
            tokens = network.generate(
                **inputs,
                max_new_tokens=max_tokens,
                pad_token_id=end,
                **(sampling or {"do_sample": False}),
            )
        return tokenizer.decode(tokens[0, given:], skip_special_tokens=True)

    return LanguageModel(
        name or Path(path).stem,
        {"runtime": "transformers", **decoding},
        lambda batch: [answer(messages) for messages in batch],
        chunk=1,
    )


def _load(path: Path) -> tuple[Any, Any]:
    """Tokenizer and network of a folder or a GGUF file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    is_file = path.suffix == ".gguf"
    if not (path.is_file() if is_file else (path / "config.json").is_file()):
        raise ModelError(f"{path}: no model; give a GGUF file or a folder with config.json")
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    where |= {"gguf_file": path.name} if is_file else {"use_safetensors": True}
    folder = path.parent if is_file else path
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, **{k: v for k, v in where.items() if k != "use_safetensors"}
        )
        # The progress bar of GGUF files has no switch of its own.
        with redirect_stderr(StringIO()):
            network: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, **where
            )
    except ImportError:
        raise ModelError(
            f"{path}: reading GGUF files needs the package: pip install gguf"
        ) from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: transformers cannot read the model ({reason})") from None
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(f"{path}: no chat template; use an instruction-tuned model")
    return tokenizer, network.eval()
