"""How much of a run's change is taken: the g that gains most without harm (decision 23).

Fine-tuned weights overshoot. The weights between the base's (g = 0) and the run's (g = 1) often
gain more and lose less (Wortsman et al. 2022, WiSE-FT), so g is chosen on validation patients.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from nast.models.contract import DualEncoder
from nast.models.registry import take_share
from nast.progress import counted
from nast.training.validation import Validation

FACTORS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""The g that are looked at first; then those a tenth below and above the best."""
TENTH = 0.1
MARGIN = 0.01
"""The largest mean loss that counts as no harm."""
LIMIT = MARGIN / 2
"""The largest loss of one part on the validation patients: half of the margin, for the best of
several g looks better on the patients that chose it than it is. `docs/results.md` has what fresh
patients lose."""
REPAIRED = ("negated claims", "negated questions")
KEPT = ("affirmative claims", "affirmative questions", "plain claims", "affirmative lists")
"""What a repair is to raise, and what it may not harm."""
Curve = list[dict[str, Any]]


class ChosenShare(NamedTuple):
    """The choice of a run.

    Attributes:
        g: how much of the change is taken; 1 where nothing says.
        curve: of every g, `g, repaired, loss, half_width` and the accuracy of each part. Empty
            where there are no validation patients.
        items: how many items each part has.
        warning: what speaks against it, in words; empty where nothing does.
    """

    g: float
    curve: Curve
    items: dict[str, int]
    warning: str = ""


def choose_share(
    model: DualEncoder, validation: Validation, protocol: str = "default"
) -> ChosenShare:
    """Look at every g on the validation patients, and choose one.

    The chosen g has the highest mean of negated claim and negated question accuracy among those
    that are shown to do no harm. Harm is looked for in affirmative claims and questions, items
    that deny nothing and affirmative candidate lists: none of them may lose more than `LIMIT`
    against the base, and their mean loss must be at most `MARGIN` to the end of its 95 % interval.
    Where the patients are too few to show that of any g, those without a loss in the mean are taken
    for harmless, with a warning. Of equal ones the smallest is chosen, so that g = 0 says that
    nothing is repaired.

    Args:
        model: with LoRA weights; they are left as they were.
        validation: of `validation_of`.
        protocol: `paper` takes the whole change.
    """
    items = {name: len(part.answers) for name, part in validation.parts.items()}
    if protocol == "paper" or not set(REPAIRED) & items.keys():
        return ChosenShare(1.0, [], items)
    curve = curve_of(model, validation)
    g, shown = best_share(curve)
    chosen = next(row for row in curve if row["g"] == g)
    warning = ""
    if g == 0:
        warning = (
            "no part of this run's change repairs denials without harm on the validation patients: "
            "g = 0, which is the base; run:FOLDER@1 is the whole run"
        )
    elif not shown:
        warning = (
            f"the choice of g = {g:g} is noisy: the loss elsewhere is {chosen['loss']:+.3f} on the "
            f"validation patients, known within {chosen['half_width']:.3f} only,  and harm above "
            f"{MARGIN:g} is ruled out for no g; more validation patients make it surer"
        )
    return ChosenShare(g, curve, items, warning)


def best_share(curve: Sequence[Mapping[str, float]]) -> tuple[float, bool]:
    """The g of the rule of `choose_share`, and whether it is shown to do no harm.

    Args:
        curve: rows with `g`, `repaired`, `loss`, `half_width` and `worst`; the first is the base.
    """
    base, *shares = curve
    fine = [row for row in shares if row["worst"] <= LIMIT + 1e-12]
    shown = [row for row in fine if row["loss"] + row["half_width"] <= MARGIN + 1e-12]
    harmless = shown or [row for row in fine if row["loss"] <= 0]
    best = max([base, *harmless], key=lambda row: (row["repaired"], -row["g"]))
    return best["g"], bool(shown)


def curve_of(model: DualEncoder, validation: Validation) -> Curve:
    """Accuracies of the model at some g, with the mean and the largest loss against g = 0.

    Args:
        model: with LoRA weights; they are left as they were.
        validation: of `validation_of`.

    Returns:
        In order of g, the base first: `g, repaired, loss, half_width` (of the mean loss), `worst`
        (the largest loss of a part) and the accuracy of each part.
    """
    rows: dict[float, dict[str, Any]] = {}
    before: dict[str, np.ndarray] = {}

    def look(g: float) -> None:
        nonlocal before
        with share_taken(model, g):
            right = validation.right(model)
        before = before or right
        loss, half_width = loss_of(before, right, validation)
        means = {name: float(values.mean()) for name, values in right.items()}
        repaired = [means[name] for name in REPAIRED if name in means]
        losses = [float(before[name].mean()) - means[name] for name in KEPT if name in means]
        rows[g] = {
            "g": g,
            "repaired": float(np.mean(repaired)) if repaired else float("nan"),
            "loss": loss,
            "half_width": half_width,
            "worst": max(losses, default=0.0),
            **means,
        }

    for g in counted(FACTORS, "choosing g"):
        look(g)
    best, _ = best_share([rows[g] for g in sorted(rows)])
    for g in (round(best - TENTH, 1), round(best + TENTH, 1)):
        if 0 < g < 1:
            look(g)
    return [rows[g] for g in sorted(rows)]


def loss_of(
    before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], validation: Validation
) -> tuple[float, float]:
    """Mean loss over the parts that must not be harmed, and half of its 95 % interval.

    Patients are independent: each adds its items' losses, an item weighing one over the number of
    items of its part, and of parts.
    """
    kept = [name for name in KEPT if name in after]
    sums: dict[str, float] = {}
    for name in kept:
        losses = (before[name] - after[name]) / (len(kept) * len(after[name]))
        for patient, loss in zip(validation.parts[name].patients, losses, strict=True):
            sums[patient] = sums.get(patient, 0.0) + float(loss)
    shares = np.array(list(sums.values()))
    if len(shares) < 2:
        return float(shares.sum()), float("inf")
    spread = np.sqrt(len(shares) * shares.var(ddof=1))
    return float(shares.sum()), float(1.96 * spread)


@contextmanager
def share_taken(model: DualEncoder, g: float) -> Iterator[None]:
    """A model with g times the change of its LoRA weights, and the whole again afterwards."""
    weights = [p for name, p in model.network.named_parameters() if "lora_B" in name]
    whole = [p.detach().clone() for p in weights]
    take_share(model.network, g)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, kept in zip(weights, whole, strict=True):
                weight.copy_(kept)
