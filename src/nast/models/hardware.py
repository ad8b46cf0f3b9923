"""Where a model runs and in which arithmetic: the CPU in float32, a GPU in bf16 where it can.

bf16 means matrix products in bfloat16 (autocast), with float32 weights, text heads and unit
lengths, and TF32 for the products that stay float32. float32 means exactly that.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from nast.errors import UsageError
from nast.hashes import content_hash

PRECISIONS = ("float32", "bf16")


def chosen_device(name: str | None = None) -> torch.device:
    """The device that models are loaded to.

    Args:
        name: a device of torch, such as `cpu`, `cuda` or `cuda:1`; if not given, the environment
            variable `NAST_DEVICE`; if that is not set either, a GPU where torch sees one. Each
            process of `torchrun` takes the GPU of its own number.

    Raises:
        UsageError: no such device.
    """
    name = name or os.environ.get("NAST_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"NAST_DEVICE: {name!r} is no device; write cpu, cuda or cuda:1") from None
    if device.type != "cuda":
        return device
    if device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    seen = torch.cuda.device_count()
    if device.index >= seen:
        raise UsageError(
            f"NAST_DEVICE: {device} was asked for and torch sees {seen} GPUs; use "
            "cpu, or a torch that is built for the GPU"
        )
    return device


def chosen_precision(device: torch.device, name: str | None = None) -> str:
    """The arithmetic of encoding and training on a device.

    Args:
        device: where the model runs.
        name: `float32` or `bf16`; if not given, the environment variable `NAST_PRECISION`; if that
            is not set either, bf16 on a GPU whose hardware has it, float32 elsewhere.

    Raises:
        UsageError: neither of the two.
    """
    name = name or os.environ.get("NAST_PRECISION")
    if name is None:
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16" if has_bf16 else "float32"
    if name not in PRECISIONS:
        raise UsageError(f"NAST_PRECISION: found {name!r}, expected {' or '.join(PRECISIONS)}")
    return name


def key_at(key: str, precision: str) -> str:
    """The key of a model's vectors in a precision, from its key in float32."""
    return key if precision == "float32" else content_hash([key, precision])


def products(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within it, matrix products and convolutions on a device are made in a precision."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, torch.bfloat16)


@contextmanager
def tf32(device: torch.device, precision: str) -> Iterator[None]:
    """Whether what stays float32 on a GPU may use TF32 (10 bits): with bf16, but not without.

    torch allows it for convolutions by default, so that float32 would not be what it says.
    """
    if device.type != "cuda":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "bf16"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
