"""TorchScript archives, such as OpenAI's own CLIP files, read as plain tensors.

`torch.jit.load` compiles an archive's program and runs its `__setstate__` methods; PyTorch's notes
on security say to treat such a file as code. Weights need none of it: an archive is a zip file
whose `data.pkl` describes a tree of modules and whose `data/N` hold the numbers. The tree is read
here with a closed list of names, in which every module is an inert box: nothing of the file runs.
"""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from nast.errors import ModelError

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive; files of `torch.save` hold no `constants.pkl`."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, torch.Tensor]:
    """The parameters and buffers of an archive by their dotted names, on the CPU.

    Raises:
        ModelError: the archive's tree holds something other than modules, tensors and plain values.
    """
    with zipfile.ZipFile(path) as archive:
        root = next(n for n in archive.namelist() if n.endswith("/data.pkl"))[: -len("data.pkl")]
        if _order(archive, root) != b"little":
            raise ModelError(f"{path}: numbers of an archive must be little-endian")
        try:
            with archive.open(f"{root}data.pkl") as file:
                tree = _Reader(file, archive, f"{root}data/").load()
        except (pickle.UnpicklingError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path}: this TorchScript archive cannot be read without running it ({error}); "
                "load it where you trust it and save its state_dict() with safetensors"
            ) from None
    weights: dict[str, torch.Tensor] = {}
    _collect(tree, "", weights, set())
    return weights


def has_quick_gelu(path: Path) -> bool | None:
    """Which activation an archive's program names: QuickGELU, GELU, or None where it names both.

    QuickGELU is `x * sigmoid(1.702 x)`; nothing else in CLIP calls a sigmoid.
    """
    with zipfile.ZipFile(path) as archive:
        code = b"\n".join(
            archive.read(n) for n in archive.namelist() if "/code/" in n and n.endswith(".py")
        )
    sigmoid, gelu = (bool(re.search(rb"\b%s\(" % word, code)) for word in (b"sigmoid", b"gelu"))
    return sigmoid if sigmoid != gelu else None


class _Module:
    """What any class of the archive becomes: a box for its attributes."""

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    """Builds boxes, tensors and plain values; any name outside the list is refused."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, place: str) -> None:
        super().__init__(file)
        self._archive, self._place = archive, place
        self._storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch.jit._pickle" and re.fullmatch(r"build_\w+list", name):
            return list
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> torch.Tensor:
        _, dtype, key, _, _ = pid
        if key not in self._storages:
            data = bytearray(self._archive.read(f"{self._place}{key}"))
            self._storages[key] = torch.frombuffer(data, dtype=dtype)
        return self._storages[key]


def _tensor(storage: torch.Tensor, offset: int, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    return torch.as_strided(storage, size, stride, offset).clone()


def _order(archive: zipfile.ZipFile, root: str) -> bytes:
    """Archives from before PyTorch 2.1 do not say; they come from little-endian machines."""
    name = f"{root}byteorder"
    return archive.read(name).strip() if name in archive.namelist() else b"little"


def _collect(node: Any, name: str, weights: dict[str, torch.Tensor], above: set[int]) -> None:
    if isinstance(node, torch.Tensor):
        weights[name.removesuffix(".")] = node
    elif isinstance(node, _Module) and id(node) not in above:
        for child, value in getattr(node, "attributes", {}).items():
            _collect(value, f"{name}{child}.", weights, above | {id(node)})
