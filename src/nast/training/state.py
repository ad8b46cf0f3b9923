"""The state of a run in one file, from which it goes on bit for bit."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nast.errors import InputError
from nast.files import atomic
from nast.training.lora import lora_parameters
from nast.training.updates import UpdateMeter

STEP = ("step", "block", "parameters", "product", "gradient")
"""Columns of what the meter keeps of a step."""
WHOLE = ("step", "block")


@dataclass
class RunState:
    """All that changes while a run goes on.

    Attributes:
        network: with LoRA.
        optimizer: over LoRA's parameters.
        rng: draws the batches.
        meter: of the update shares.
        history: losses of each step so far, and the figures of validations.
        best: LoRA parameters at the best validation.
        best_score: its mean figure.
        waited: validations since then.
    """

    network: Any
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    meter: UpdateMeter
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None
    best_score: float = -float("inf")
    waited: int = 0


def save_state(path: Path, run: RunState) -> None:
    """Write the state, whole or not at all."""
    tensors: dict[str, torch.Tensor]
    tensors = {f"lora/{n}": p for n, p in lora_parameters(run.network).items()}
    tensors |= {f"start/{n}": p for n, p in run.meter.start.items()}
    tensors |= {f"best/{n}": p for n, p in (run.best or {}).items()}
    for number, values in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{n}": v for n, v in values.items()}
    # A row per step and block: the header of such a file holds no more than 100 MB.
    rows = [[step[name] for name in STEP] for step in run.meter.steps]
    tensors["meter/steps"] = torch.tensor(rows, dtype=torch.float64).reshape(-1, len(STEP))
    numbers = {
        "history": run.history,
        "gradient": run.meter.gradient,
        "rng": run.rng.bit_generator.state,
        "waited": run.waited,
        "best_score": run.best_score if run.best else None,
    }
    # Clones: two names of one memory are refused.
    whole = {name: value.detach().clone().cpu() for name, value in tensors.items()}
    said = json.dumps(numbers)
    with atomic(path) as temporary:
        save_file(whole, temporary, {"numbers": said, "sha256": _hash(whole, said)})


def _hash(tensors: dict[str, torch.Tensor], numbers: str) -> str:
    """Of all that a state holds, so that another bit is not another run."""
    digest = hashlib.sha256(numbers.encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.reshape(-1).numpy().tobytes())
    return digest.hexdigest()


def load_state(path: Path, run: RunState) -> None:
    """Bring a freshly started run to the saved state.

    Raises:
        InputError: the file is damaged, or is the state of another run.
    """
    try:
        _load_state(path, run)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            path,
            found=f"no state of this run ({reason})",
            expected="it as nast train wrote it; delete the file, and the run starts over",
        ) from error


def _load_state(path: Path, run: RunState) -> None:
    tensors: dict[str, dict[str, torch.Tensor]] = {
        "lora": {},
        "start": {},
        "best": {},
        "optimizer": {},
        "meter": {},
    }
    with safe_open(path, "pt") as file:
        said = file.metadata()
        read = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    if said["sha256"] != _hash(read, said["numbers"]):
        raise ValueError("other numbers than were written")
    numbers = json.loads(said["numbers"])
    for name, value in read.items():
        kind, _, rest = name.partition("/")
        tensors[kind][rest] = value
    parameters = lora_parameters(run.network)
    found = {name: value.shape for name, value in tensors["lora"].items()}
    if found != {name: parameter.shape for name, parameter in parameters.items()}:
        raise ValueError("LoRA weights of other blocks or ranks")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors["lora"][name])
    saved: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors["optimizer"].items():
        number, _, key = name.partition("/")
        saved.setdefault(int(number), {})[key] = value
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": saved})
    run.rng.bit_generator.state = numbers["rng"]
    run.meter.start = {n: p.to(parameters[n].device) for n, p in tensors["start"].items()}
    run.meter.steps = [
        {name: int(v) if name in WHOLE else v for name, v in zip(STEP, row, strict=True)}
        for row in tensors["meter"]["steps"].tolist()
    ]
    run.meter.gradient = numbers["gradient"]
    run.history, run.waited = numbers["history"], numbers["waited"]
    if numbers["best_score"] is not None:
        run.best, run.best_score = tensors["best"], numbers["best_score"]
