"""Names of weights in one layout -> those of transformers, both ways and bit for bit."""

from collections.abc import Mapping
from typing import NamedTuple

import torch

from nast.errors import ModelError
from nast.models.weights.checkpoints import Weights, count_blocks

_Q_K_V = ("q_proj", "k_proj", "v_proj")
_KINDS = ("weight", "bias")


class Renaming(NamedTuple):
    """The names of a layout, each beside that of transformers.

    Attributes:
        what: the network, for messages.
        same: names of whole tensors.
        towers: what the number of a block follows.
        block: names of a block's layers.
        fused: q, k and v of a block in one matrix, rows in this order; ends before `weight`.
        attention: what q, k and v follow in transformers.
        transposed: names of projections that multiply from the right, as those of transformers
            multiply from the left.
    """

    what: str
    same: Mapping[str, str]
    towers: Mapping[str, str]
    block: Mapping[str, str]
    fused: str
    attention: str
    transposed: Mapping[str, str] = {}

    def forward(self, weights: Mapping[str, torch.Tensor]) -> Weights:
        """The weights under the names of transformers; those of one tower give that tower.

        Raises:
            ModelError: keys that no layer has; they are listed.
        """
        left = dict(weights)
        found = {theirs: left.pop(ours) for ours, theirs in self.same.items() if ours in left}
        for ours, theirs in self.transposed.items():
            if ours in left:
                found[theirs] = left.pop(ours).T.contiguous()
        for here, there, kind in self._blocks(weights, self.towers):
            for a, b in self.block.items():
                if (key := f"{here}.{a}.{kind}") in left:
                    found[f"{there}.{b}.{kind}"] = left.pop(key)
            if (key := f"{here}.{self.fused}{kind}") in left:
                for name, part in zip(_Q_K_V, left.pop(key).chunk(3), strict=True):
                    found[f"{there}.{self.attention}{name}.{kind}"] = part.clone()
        if left:
            first = ", ".join(sorted(left)[:8])
            raise ModelError(f"{len(left)} keys are of no layer of {self.what}: {first}")
        return found

    def back(self, weights: Mapping[str, torch.Tensor]) -> Weights:
        """The names of transformers -> those of the layout: the inverse of `forward`."""
        found = {ours: weights[theirs] for ours, theirs in self.same.items() if theirs in weights}
        for ours, theirs in self.transposed.items():
            if theirs in weights:
                found[ours] = weights[theirs].T.contiguous()
        inverse = {theirs: ours for ours, theirs in self.towers.items()}
        for there, here, kind in self._blocks(weights, inverse):
            for a, b in self.block.items():
                found[f"{here}.{a}.{kind}"] = weights[f"{there}.{b}.{kind}"]
            parts = [weights[f"{there}.{self.attention}{name}.{kind}"] for name in _Q_K_V]
            found[f"{here}.{self.fused}{kind}"] = torch.cat(parts)
        return found

    def _blocks(
        self, weights: Mapping[str, torch.Tensor], towers: Mapping[str, str]
    ) -> list[tuple[str, str, str]]:
        """Each block by its name on both sides, once for its weights and once for its biases."""
        return [
            (f"{one}{number}", f"{other}{number}", kind)
            for one, other in towers.items()
            for number in range(count_blocks(weights, one))
            for kind in _KINDS
        ]
