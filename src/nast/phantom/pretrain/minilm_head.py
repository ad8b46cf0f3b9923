"""The image head of `phantom-minilm`, trained against a frozen sentence encoder.

Nothing of the text tower moves, so its vectors of all reports are made once and a step costs
milliseconds. The reports are those of the phantom model; what a denial means to the text tower
was decided by what it was pretrained on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel, AutoTokenizer, CLIPModel

from nast.hashes import seed_of
from nast.models.families.minilm import HEAD, MAX_TOKENS, PHANTOM, load_minilm, minilm_folder
from nast.models.families.two_tower_export import write_two_towers
from nast.models.weights.checkpoints import write_safetensors
from nast.models.weights.pretrained import SAFELY
from nast.phantom.patients import patients
from nast.phantom.pretrain.image_tower import draw_all, pooled, schedule
from nast.phantom.reports import report_of

SEED, REPORTS_SEED = 7, 0
REPORTS = 4
"""Reports of each study."""
WIDTH = 256
STEPS, BATCH, RATE = 3000, 256, 2e-3


@dataclass(frozen=True, slots=True)
class MinilmConfig:
    """What decides the head, beside the code and the two encoders.

    Attributes:
        negation_rate: share of mentioned absences that the reports write as a negation, in [0, 1].
        patients: phantom patients that the images come from.
        steps: of the head.
    """

    negation_rate: float = 0.01
    patients: int = 6000
    steps: int = STEPS


def train_minilm(
    config: MinilmConfig, folder: Path, report_step: Callable[[str, int, float], None]
) -> None:
    """Train the head from nothing; leaves it as a file and the model as a two-tower folder.

    Args:
        config: what to train.
        folder: gets `head.safetensors`, for `load_minilm`, and what `two-tower:FOLDER/SPEC.yaml`
            needs.
        report_step: called with (stage, step, loss).

    Raises:
        ModelError: the package of the text tower is not installed.
    """
    minilm_folder()
    studies = patients(config.patients, SEED)
    images = draw_all(studies)
    vision = CLIPModel.from_pretrained(PHANTOM, dtype=torch.float32, **SAFELY).vision_model
    features = pooled(vision, images)
    rng = np.random.default_rng(REPORTS_SEED)
    texts = [report_of(s.facts, config.negation_rate, rng) for s in studies for _ in range(REPORTS)]
    vectors = _encode(texts, report_step).reshape(len(studies), REPORTS, -1)
    head, scale = fit_head(features, vectors, report_step, config.steps)
    weights = {k: v.half() for k, v in head.state_dict().items()}
    named = weights | {"logit_scale": scale.half().reshape(1)}
    write_safetensors(folder / HEAD.name, named)
    model = load_minilm("phantom-minilm", folder / HEAD.name)
    write_two_towers(model.network, model, model.pixels, folder)


@torch.no_grad()
def _encode(texts: list[str], report_step: Callable[[str, int, float], None]) -> torch.Tensor:
    """Unit vectors (n, 384): the mean over tokens."""
    folder = minilm_folder()
    tokenizer, bert = (c.from_pretrained(folder, **SAFELY) for c in (AutoTokenizer, AutoModel))
    order = np.argsort([len(t) for t in texts], kind="stable")
    vectors = torch.zeros(len(texts), bert.config.hidden_size)
    for start in range(0, len(texts), BATCH):
        rows = order[start : start + BATCH]
        tokens = tokenizer(
            [texts[i] for i in rows],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        )
        mask = tokens["attention_mask"][:, :, None].float()
        states = bert.eval()(**tokens).last_hidden_state
        vectors[rows] = normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        report_step("reports", start + len(rows), 0.0)
    return vectors


def fit_head(
    features: torch.Tensor,
    vectors: torch.Tensor,
    report_step: Callable[[str, int, float], None],
    steps: int = STEPS,
) -> tuple[nn.Sequential, torch.Tensor]:
    """CLIP's loss between images and their reports.

    Args:
        features: (studies, d), the image tower's outputs.
        vectors: (studies, reports, D), unit vectors; a step draws one report of each study.
        report_step: called with (stage, step, loss).
        steps: of AdamW.

    Returns:
        The head (d -> D) and the logarithm of the logit scale.
    """
    torch.manual_seed(SEED)
    head = nn.Sequential(
        nn.Linear(features.shape[1], WIDTH), nn.GELU(), nn.Linear(WIDTH, vectors.shape[2])
    )
    scale = nn.Parameter(torch.tensor(math.log(20)))
    optimizer = torch.optim.AdamW([*head.parameters(), scale], lr=RATE, weight_decay=0.05)
    rng = np.random.default_rng(seed_of(SEED, "minilm batches"))
    size = min(BATCH, len(features))
    diagonal = torch.arange(size)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * schedule(step, steps)
        rows = rng.choice(len(features), size, replace=False)
        chosen = vectors[rows, rng.integers(0, vectors.shape[1], size)]
        logits = scale.exp() * normalize(head(features[rows]), dim=-1) @ chosen.T
        loss = (cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)) / 2
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            scale.clamp_(max=math.log(100))
        report_step("image head", step + 1, loss.item())
    return head, scale
