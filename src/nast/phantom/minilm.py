"""The image head of `phantom-minilm`, trained against a frozen sentence encoder.

Nothing of the text tower moves, so its vectors of all reports are made once and a step costs
milliseconds. The reports are those of the phantom model; what a denial means to the text tower
was decided by what it was pretrained on.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel, AutoTokenizer, CLIPModel

from nast.models.minilm import MAX_TOKENS, PHANTOM, minilm_folder
from nast.phantom.image_tower import draw_all, pooled, schedule
from nast.phantom.patients import patients
from nast.phantom.reports import report
from nast.store import atomic, seed_of

PATIENTS, SEED, REPORTS_SEED = 6000, 7, 0
REPORTS = 4
"""Reports of each study."""
NEGATION_RATE = 0.01
WIDTH = 256
STEPS, BATCH, RATE = 3000, 256, 2e-3


def train_minilm(path: Path, report_step: Callable[[str, int, float], None]) -> None:
    """Train the head from nothing and save it with the logit scale.

    Args:
        path: a safetensors file, for `load_minilm`.
        report_step: called with (stage, step, loss).
    """
    studies = patients(PATIENTS, SEED)
    images = draw_all(studies)
    vision = CLIPModel.from_pretrained(PHANTOM, dtype=torch.float32).vision_model
    features = pooled(vision, images)
    rng = np.random.default_rng(REPORTS_SEED)
    texts = [report(s.facts, NEGATION_RATE, rng) for s in studies for _ in range(REPORTS)]
    vectors = _encode(texts, report_step).reshape(len(studies), REPORTS, -1)
    head, scale = fit_head(features, vectors, report_step)
    weights = {k: v.detach().half() for k, v in head.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        save_file(weights | {"logit_scale": scale.detach().half().reshape(1)}, temporary)


@torch.no_grad()
def _encode(texts: list[str], report_step: Callable[[str, int, float], None]) -> torch.Tensor:
    """Unit vectors (n, 384): the mean over tokens."""
    folder = minilm_folder()
    tokenizer, bert = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    order = np.argsort([len(t) for t in texts], kind="stable")
    vectors = torch.zeros(len(texts), bert.config.hidden_size)
    for start in range(0, len(texts), BATCH):
        rows = order[start : start + BATCH]
        tokens = tokenizer([texts[i] for i in rows], padding=True, truncation=True,
                           max_length=MAX_TOKENS, return_tensors="pt")  # fmt: skip
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
    head = nn.Sequential(nn.Linear(features.shape[1], WIDTH), nn.GELU(),
                         nn.Linear(WIDTH, vectors.shape[2]))  # fmt: skip
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
