"""Whether anything beside interpolation keeps a repair from doing harm, or adds to it.

    python benchmarks/anchors.py WORK phantom [--seeds 3] [--only LABEL ...]

Trains uniform LoRA as `layer_policies.py` does (which made WORK, and goes first), but with one
thing changed:

    anchor, MU     MU times (1 - cosine with the base) is added to the loss, for the affirmative
                   captions of the batch and for neutral sentences (after Li and Hoiem 2016)
    decay          the rate falls to 0 along a half cosine
    weight decay   AdamW's, which draws the change of the weights towards nothing
    path           each step's gradient is that of a random share of the change, so that the path
                   to the base stays low (half of MERGETUNE, arXiv 2601.10497)
    early          the step, not g, is chosen by the rule; no interpolation

Their answers lie beside those of the other settings, for `equal_harm.py`.
"""

import argparse
import math
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import torch
from layer_policies import MOST, SETTINGS, SHARES, Trainer, keep_answers

from nast.files import manifest_of
from nast.layers import uniform
from nast.models.contract import DualEncoder
from nast.models.registry import load_model
from nast.scoring.neutral import neutral_sentences
from nast.training import interpolation, run, trainer
from nast.training.interpolation import ChosenShare, best_share, loss_of
from nast.training.lora import lora_parameters
from nast.training.step import accumulate
from nast.training.validation import validation_of
from nast.vectors import Vectors

DECAY = 5.0
"""AdamW's weight decay: at a rate of 0.002, 60 steps take away 45 %."""
EVERY = 5
"""Steps between two looks of `early`."""


class Anchor:
    """A term that holds text vectors to the base's."""

    def __init__(self, base: DualEncoder, captions: Path, mu: float) -> None:
        """Encode what is to stay as it is."""
        rows = pl.read_parquet(captions).filter(split="train", polarity="affirmative")
        neutral = [sentence for group in neutral_sentences().values() for sentence in group]
        held = [*neutral, *rows["caption"].unique(maintain_order=True)]
        with torch.no_grad():
            batches = [base.encode_texts(held[i : i + 256]) for i in range(0, len(held), 256)]
        self.held = dict(zip(held, torch.cat(batches), strict=True))
        self.neutral, self.mu = neutral, mu

    def accumulate(self, model, texts, loss_of, chunk) -> None:
        """In place of `nast.training.step.accumulate`."""
        shown = [*texts, *self.neutral]
        places = [place for place, text in enumerate(shown) if text in self.held]
        wanted = torch.stack([self.held[shown[place]] for place in places])

        def loss(vectors: torch.Tensor) -> torch.Tensor:
            moved = 1 - (vectors[places] * wanted).sum(dim=1)
            return loss_of(vectors[: len(texts)]) + self.mu * moved.mean()

        accumulate(model, shown, loss, chunk)


class RandomShare:
    """The gradient of a random share of the change."""

    def __init__(self, seed: int) -> None:
        """Start the draws."""
        self.rng = np.random.default_rng(seed)

    def accumulate(self, model, texts, loss_of, chunk) -> None:
        """In place of `nast.training.step.accumulate`."""
        share = float(self.rng.uniform())
        weights = [p for n, p in lora_parameters(model.network).items() if "lora_B" in n]
        whole = [p.detach().clone() for p in weights]
        with torch.no_grad():
            for weight in weights:
                weight.mul_(share)
        accumulate(model, texts, loss_of, chunk)
        with torch.no_grad():
            for weight, kept in zip(weights, whole, strict=True):
                weight.copy_(kept)
                if weight.grad is not None:
                    weight.grad.mul_(share)


@contextmanager
def decaying(steps: int):
    """The rate falls along a half cosine."""
    plain = trainer._step

    def step(model, captions, claims, config, state):
        left = (1 + math.cos(math.pi * len(state.history) / steps)) / 2
        for group in state.optimizer.param_groups:
            group["full_lr"] = group.setdefault("first_lr", group["full_lr"]) * left
        return plain(model, captions, claims, config, state)

    with patch.object(trainer, "_step", step):
        yield


class EarlyStop:
    """Looks at the validation patients along the run, and takes the best step by the rule of g."""

    def __init__(self, steps: int) -> None:
        """Nothing is seen yet."""
        self.steps, self.rows, self.kept = steps, [], {}
        self.before: dict[str, np.ndarray] = {}

    def look(self, model: DualEncoder, validation, step: int) -> None:
        """Answer the validation items and keep the weights."""
        right = validation.right(model)
        self.before = self.before or right
        loss, half_width = loss_of(self.before, right, validation)
        repaired = np.mean([right[name].mean() for name in interpolation.REPAIRED])
        kept = [name for name in interpolation.KEPT if name in right]
        worst = max(float((self.before[name] - right[name]).mean()) for name in kept)
        row = {"repaired": float(repaired), "loss": loss, "half_width": half_width, "worst": worst}
        self.rows.append({"g": step / self.steps, **row})
        state = lora_parameters(model.network)
        self.kept[step] = {name: p.detach().clone() for name, p in state.items()}

    def choose(self, model: DualEncoder) -> None:
        """Put the weights of the best step back."""
        best = round(best_share(self.rows)[0] * self.steps)
        with torch.no_grad():
            for name, p in lora_parameters(model.network).items():
                p.copy_(self.kept[best][name])


@contextmanager
def stopping(steps: int):
    """A run keeps its best step, whole."""
    stop, plain, own = EarlyStop(steps), trainer._step, run.training_data
    seen = {}

    def data(*args, **kwargs):
        seen["validation"] = own(*args, **kwargs)
        return seen["validation"]

    def step(model, captions, claims, config, state):
        if not state.history:
            stop.look(model, seen["validation"].validation, 0)
        losses = plain(model, captions, claims, config, state)
        number = len(state.history) + 1
        if number % EVERY == 0:
            stop.look(model, seen["validation"].validation, number)
        if number == steps:
            stop.choose(model)
        return losses

    def whole(model, validation, protocol):
        return ChosenShare(1.0, [], {})

    with (
        patch.object(run, "training_data", data),
        patch.object(trainer, "_step", step),
        patch.object(run, "choose_share", whole),
    ):
        yield


def changes(base: DualEncoder, captions: Path, steps: int) -> dict[str, Callable]:
    """Label -> (settings, what is changed for a seed)."""

    def anchored(mu):
        anchor = Anchor(base, captions, mu)
        return lambda seed: patch.object(trainer, "accumulate", anchor.accumulate)

    return {
        "anchor, 1": ({}, anchored(1.0)),
        "anchor, 10": ({}, anchored(10.0)),
        "decay": ({}, lambda seed: decaying(steps)),
        "weight decay": ({"weight_decay": DECAY}, lambda seed: nullcontext()),
        "path": (
            {},
            lambda seed: patch.object(trainer, "accumulate", RandomShare(seed).accumulate),
        ),
        "early": ({}, lambda seed: stopping(steps)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--test", type=int, nargs=2, default=(313, 3600), help="seed and patients")
    parser.add_argument("--train", type=int, nargs=2, default=(21, 2000), help="seed and patients")
    parser.add_argument("--only", nargs="+")
    asked = parser.parse_args()
    trees = [asked.work / "patients-{}-{}".format(*pair) for pair in (asked.train, asked.test)]
    folder, vectors = asked.work / asked.model, asked.work / "vectors"
    base = load_model(asked.model)
    inputs = [trees[1] / "claims", trees[1] / "questions"]
    items = validation_of(Vectors(base, vectors), inputs, "test", MOST[asked.model])
    before = items.right(base)
    own = Trainer(asked.model, trees[0], folder / "runs", vectors)
    known = changes(base, trees[0] / "claims" / "captions.parquet", SETTINGS[asked.model]["steps"])
    answers = folder / "answers-{}-{}".format(*asked.test)
    for seed in range(asked.first, asked.first + asked.seeds):
        for label, (settings, changed) in known.items():
            out = answers / f"{label}, seed {seed}.npz"
            if (asked.only and label not in asked.only) or out.is_file():
                continue
            start = time.perf_counter()
            with changed(seed):
                made = own.run(label, seed, uniform(base.text.n_layers), settings)
            keep_answers(out, made, base, items, before, SHARES[asked.model])
            took = f"{time.perf_counter() - start:.0f} s"
            print(f"{made.name}: g {manifest_of(made)['g']:g}, {took}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
