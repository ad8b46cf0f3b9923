"""Several processes of `torchrun`: what they tell each other, and a stage made together."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed

from nast.errors import NastError
from nast.models.hardware import chosen_device
from nast.stages import Make, stage


@contextmanager
def joined_processes() -> Iterator[bool]:
    """Join the other processes of torchrun, if there are any; whether this is the first one.

    They part when all are done: one that leaves while another still listens ends both badly.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    device = chosen_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Vectors lie on the CPU, gradients where the model is.
    backends = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backends)
    try:
        yield torch.distributed.get_rank() == 0
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def processes() -> tuple[int, int]:
    """The number of this process and how many there are; (0, 1) outside of `torchrun`."""
    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def from_first(data: bytes = b"") -> bytes:
    """The first process's bytes, on every process; all of them must call it."""
    if processes()[1] == 1:
        return data
    size = torch.tensor(len(data))
    torch.distributed.broadcast(size, src=0)
    found = torch.zeros(int(size), dtype=torch.uint8)
    if processes()[0] == 0:
        found = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    torch.distributed.broadcast(found, src=0)
    return found.numpy().tobytes()


def joint_stage(
    folder: Path,
    settings: dict[str, Any],
    inputs: Sequence[Path],
    make: Make,
    *,
    fresh: bool = False,
    state: str = "",
) -> dict[str, Any]:
    """A stage that all processes make together; the first one's folder is kept, and decides.

    Args:
        folder: of the first process.
        settings: see `nast.stages.stage`, as the arguments that follow.
        inputs: see there.
        make: called by every process, each with a folder of its own.
        fresh: see there.
        state: see there; the first process's is that of all.

    Returns:
        The first process's manifest; of another process what its `make` gave, where it was called.

    Raises:
        NastError: this is another process, and the first one cannot begin.
    """
    if processes()[0]:
        return _other(make, state)
    told = False

    def tell_and_make(out: Path) -> dict[str, Any]:
        nonlocal told
        told = True
        saved = out / state
        from_first(b"+" + (saved.read_bytes() if state and saved.is_file() else b""))
        return make(out)

    try:
        manifest = stage(folder, settings, inputs, tell_and_make, fresh=fresh, state=state)
    except Exception:
        if not told:
            from_first(b"!")
        raise
    if not told:
        from_first(b"=" + json.dumps(manifest).encode())
    return manifest


def _other(make: Make, state: str) -> dict[str, Any]:
    """The same work in a folder that is not kept, from the first process's state."""
    said = from_first()
    if said[:1] == b"!":
        raise NastError("the first process cannot begin; its message says why")
    if said[:1] == b"=":
        return dict(json.loads(said[1:]))
    with tempfile.TemporaryDirectory() as elsewhere:
        if said[1:]:
            (Path(elsewhere) / state).write_bytes(said[1:])
        return make(Path(elsewhere))
