"""Losses to a tracker that the user has installed: numbers only, never a text or a path."""

from collections.abc import Callable
from pathlib import Path

from nast.errors import UsageError

Sink = Callable[[int, dict[str, float]], None]
SINKS = ("tensorboard", "wandb", "trackio")


def open_sink(kind: str, folder: Path) -> Sink:
    """A function that sends (step, numbers) to a tracker.

    `wandb` works offline, for data must not leave the machine; its files can be sent by hand.

    Args:
        kind: one of `SINKS`.
        folder: where the tracker's files go.

    Raises:
        UsageError: an unknown kind, or one that is not installed.
    """
    if kind not in SINKS:
        raise UsageError(f"--log {kind}; choose one of {', '.join(SINKS)}")
    try:
        return {"tensorboard": _tensorboard, "wandb": _wandb, "trackio": _trackio}[kind](folder)
    except ImportError:
        raise UsageError(f"--log {kind} needs a package: pip install {kind}") from None


def _tensorboard(folder: Path) -> Sink:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def send(step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, step)

    return send


def _wandb(folder: Path) -> Sink:
    import wandb

    run = wandb.init(project="nast", dir=str(folder), mode="offline")
    return lambda step, numbers: run.log(numbers, step=step)


def _trackio(folder: Path) -> Sink:
    import trackio

    trackio.init(project="nast")
    return lambda step, numbers: trackio.log(numbers, step=step)
