"""What a tie for the best option counts as."""

from typing import Literal

TieRule = Literal["never", "first", "expected"]
"""Wrong; right where the right one stands first (argmax); or one over the number of options that
tie."""
TIES: dict[str, TieRule] = {
    "default": "never",
    "negbench": "first",
    "cc-neg": "first",
    "clip-benchmark": "first",
    "sugar-crepe": "never",
    "aro": "never",
}
"""How a tie counts here and in the scorers of peers. NegBench (`mcq.py`), CC-Neg (README) and
CLIP_benchmark (`image_caption_selection.py`) take the first of the best; SugarCrepe's own
`main_eval.py` asks for more than the wrong caption has; ARO puts the wrong one first."""
