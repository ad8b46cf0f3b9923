"""First stage of the phantom model: an image tower that sees what the phantoms show.

Trained on findings (condition, side, zone, grade) as yes/no targets, as medical image towers
usually start from a classifier. No caption takes part, so it cannot know how an absence is said.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import CLIPVisionConfig, CLIPVisionModel

from nast.facts.conditions import CONDITIONS
from nast.hashes import seed_of
from nast.phantom.draw import draw_frontal
from nast.phantom.patients import PhantomStudy
from nast.phantom.workers import spread_out
from nast.records import Fact

IMAGE_SIZE = 96
MEAN, SD = 0.5, 0.25
PEAK_RATE = 2e-3


def vision_config(projection: int) -> CLIPVisionConfig:
    """A ViT with 4 blocks of width 96 on 36 patches of 16 px."""
    return CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=16,
        projection_dim=projection,
    )


def draw_all(studies: list[PhantomStudy], workers: int = 2) -> torch.Tensor:
    """The frontal images of all studies, uint8 (study, 96, 96)."""
    return torch.from_numpy(np.stack(spread_out(_draw, studies, workers, chunk=64)))


def _draw(study: PhantomStudy) -> np.ndarray:
    picture = draw_frontal(study.present, np.random.default_rng(study.seed))
    small = Image.fromarray(picture).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(small)


def pixels(images: torch.Tensor) -> torch.Tensor:
    """uint8 (n, 96, 96) -> normalised (n, 3, 96, 96)."""
    return ((images.float() / 255 - MEAN) / SD)[:, None].expand(-1, 3, -1, -1)


def targets(facts: dict[str, Fact]) -> list[bool]:
    """Every condition, side, zone and grade of a study as yes or no, in a fixed order."""
    found: list[bool] = []
    for name, fact in facts.items():
        condition = CONDITIONS[name]
        shown = fact.existence == "present"
        found.append(shown)
        for side in ("left", "right") if condition.sided else ():
            found.append(shown and fact.side in (side, "bilateral"))
        found += [shown and fact.zone == zone for zone in condition.zones]
        found += [shown and fact.severity == grade for grade in condition.grades]
    return found


def train_image_tower(
    studies: list[PhantomStudy], images: torch.Tensor, steps: int, batch: int, seed: int
) -> Iterator[tuple[int, float, CLIPVisionModel]]:
    """Train on the targets; yields (step, loss, tower) after each step.

    Images are shifted by up to 4 px and varied in brightness.
    """
    truth = torch.tensor([targets(s.facts) for s in studies], dtype=torch.float32)
    torch.manual_seed(seed)
    tower = CLIPVisionModel(vision_config(64))
    head = torch.nn.Linear(tower.config.hidden_size, truth.shape[1])
    parameters = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, weight_decay=0.05, fused=True)
    rng = np.random.default_rng(seed_of(seed, "image batches"))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = PEAK_RATE * schedule(step, steps)
        rows = rng.integers(0, len(studies), batch)
        found = head(tower(pixel_values=_augmented(images[rows], rng)).pooler_output)
        loss = binary_cross_entropy_with_logits(found, truth[rows])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield step + 1, loss.item(), tower


def schedule(step: int, steps: int) -> float:
    """Warm-up over 100 steps, then a cosine to zero."""
    return min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def _augmented(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    dx, dy = (int(v) for v in rng.integers(-4, 5, 2))
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, len(images))).float()[:, None, None]
    return pixels(torch.roll(images, (dy, dx), (1, 2)).float() * gain)


@torch.no_grad()
def pooled(tower: CLIPVisionModel, images: torch.Tensor) -> torch.Tensor:
    """The tower's output (n, 96) of all images."""
    tower.eval()
    parts = [tower(pixel_values=pixels(p)).pooler_output for p in images.split(256)]
    return torch.cat(parts)
