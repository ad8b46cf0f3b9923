"""How much of the update went to which block (Table 4, decision 21)."""

from typing import Any

import torch

from nast.training.lora import lora_by_layer, lora_parameters


class UpdateMeter:
    """Keeps the start and adds up what each step does, for the three measures of a run."""

    def __init__(self, model: torch.nn.Module, n_layers: int) -> None:
        """Remember the LoRA parameters before the first step."""
        self.model, self.n_layers = model, n_layers
        self.start = self._parameters()
        self.gradient = [0.0] * n_layers
        self.steps: list[dict[str, float]] = []
        self._gradients: dict[int, float] = {}
        self._old: dict[str, torch.Tensor] = {}

    def before(self, groups: list[dict[str, Any]]) -> None:
        """Note each block's norm of the scaled gradient; call after scaling and clipping."""
        self._old = self._parameters()
        for group in groups:
            squares = [float(p.grad.square().sum()) for p in group["params"] if p.grad is not None]
            self._gradients[group["layer"]] = sum(squares) ** 0.5
            self.gradient[group["layer"] - 1] += self._gradients[group["layer"]]

    def after(self) -> None:
        """Note how far the step that followed `before` moved each block's parameters and B A."""
        number = self.steps[-1]["step"] + 1 if self.steps else 1
        for layer, named in lora_by_layer(self.model).items():
            self.steps.append(
                {
                    "step": number,
                    "block": layer,
                    "parameters": _change(named, self._old),
                    "product": _product_change(named, self._old),
                    "gradient": self._gradients[layer],
                }
            )

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {n: p.detach().clone() for n, p in lora_parameters(self.model).items()}

    def shares(self) -> dict[str, list[float]]:
        """Share of each block (1..L) in the total.

        Returns:
            `parameters`: norm of the change of LoRA's A and B; `product`: norm of B A (the change
            of the weights themselves); `gradient`: summed norm of the scaled gradients.
        """
        parameters, product = [0.0] * self.n_layers, [0.0] * self.n_layers
        for layer, named in lora_by_layer(self.model).items():
            parameters[layer - 1] = _change(named, self.start)
            squares = 0.0
            for name, a in named.items():
                if "lora_A" in name:
                    b = named[name.replace("lora_A", "lora_B")]
                    squares += float((b @ a).detach().square().sum())
            product[layer - 1] = squares**0.5
        measures = {"parameters": parameters, "product": product, "gradient": self.gradient}
        return {name: _share(values) for name, values in measures.items()}


def _change(named: dict[str, torch.nn.Parameter], old: dict[str, torch.Tensor]) -> float:
    """Norm of the change of a block's parameters."""
    return sum(float((p.detach() - old[n]).square().sum()) for n, p in named.items()) ** 0.5


def _product_change(named: dict[str, torch.nn.Parameter], old: dict[str, torch.Tensor]) -> float:
    """Norm of the change of a block's B A, which is dB A + B_old dA.

    With X = [dB, B_old] and Y = [A; dA] its square is the sum over X'X * YY': matrices of 2 r
    rows, while the products themselves are as large as the weights that they change.
    """
    squares = []
    for name, a in named.items():
        if "lora_A" in name:
            other = name.replace("lora_A", "lora_B")
            b, new = named[other].detach(), a.detach()
            x = torch.cat([b - old[other], old[other]], dim=1)
            y = torch.cat([new, new - old[name]])
            squares.append(((x.T @ x) * (y @ y.T)).sum())
    # Rounding can leave the square of nothing just below 0.
    return float(torch.stack(squares).clamp(min=0).sum()) ** 0.5


def _share(values: list[float]) -> list[float]:
    total = sum(values)
    return [v / total if total else 0.0 for v in values]
