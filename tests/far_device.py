"""A second device without the hardware: its tensors compute on the CPU and refuse to mix with it.

Tensors say that they are on torch's `meta` device, hold their values in memory of the CPU, and
every operation that sees tensors of both kinds fails as it would with a graphics card: only moves,
numbers without dimensions, and positions on the CPU that index a far tensor are let through.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

FAR = torch.device("meta")
MOVES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
INDEXED = {torch.ops.aten.index.Tensor, torch.ops.aten._unsafe_index.Tensor}


class FarTensor(torch.Tensor):
    """A tensor of the second device."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near):
        made = torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), dtype=near.dtype, device=FAR
        )
        made.near = near
        return made

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return run(operation, args, kwargs or {})

    def tolist(self):
        return self.near.tolist()

    def __repr__(self):
        return f"far {self.near!r}"


def run(operation, args, kwargs):
    """One operation on the values of its tensors; its results are where the tensors are."""
    tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
    is_far = any(isinstance(t, FarTensor) for t in tensors)
    if operation in INDEXED:
        is_far = isinstance(args[0], FarTensor)
    elif operation not in MOVES and is_far:
        near = [tuple(t.shape) for t in tensors if not isinstance(t, FarTensor) and t.dim()]
        if near:
            raise RuntimeError(f"{operation}: a far tensor and one on the CPU of shape {near[0]}")
    target = kwargs.get("device")
    if target is not None:
        is_far = torch.device(target) == FAR
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if operation is torch.ops.aten.copy_.default:
        is_far = isinstance(args[0], FarTensor)
    known = {id(t.near): t for t in tensors if isinstance(t, FarTensor)}

    def far(value):
        # What is changed in place stays the same tensor.
        if not isinstance(value, torch.Tensor):
            return value
        return known[id(value)] if id(value) in known else FarTensor(value)

    def near(value):
        return value.near if isinstance(value, FarTensor) else value

    result = operation(*tree_map(near, args), **tree_map(near, kwargs))
    return tree_map(far, result) if is_far else result


class _Mode(TorchDispatchMode):
    """Sees what makes tensors on the second device out of nothing or of the CPU's."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return run(operation, args, kwargs or {})


@contextmanager
def far_device() -> Iterator[str]:
    """The name of the second device, which exists within."""
    with _Mode():
        yield str(FAR)
