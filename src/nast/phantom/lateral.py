"""Draws the lateral chest film of the same patients: heart, fluid and opacities, no sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nast.phantom.anatomy import Anatomy, Shape, develop
from nast.phantom.canvas import Map, bump, cos, curve, grid, hypot, ink, power, sin, soft, texture
from nast.phantom.draw import chest_shape, child, drawn_findings
from nast.phantom.signs import DrawnFinding
from nast.records import Fact


def draw_lateral(
    present: Sequence[Fact],
    rng: np.random.Generator,
    size: int = 224,
    anatomy: Anatomy | None = None,
) -> NDArray[np.uint8]:
    """Draw a lateral chest film, the sternum at the image's left and the spine at its right.

    It shows the heart's size, fluid, and opacities of the lung; sides cannot be told.

    Args:
        present: what the film shows; facts that are not present are ignored.
        rng: the only source of randomness; one number is taken from it.
        size: side of the image, pixels.
        anatomy: the patient and exposure; drawn from `rng` where None.

    Returns:
        Grey levels of shape (size, size), bone white and air black.
    """
    key = int(rng.integers(0, 2**63))
    body = anatomy or Anatomy.sample(child(key, "anatomy"))
    findings = drawn_findings(present, key)
    attenuation = _side_view(
        body, chest_shape(body, findings), findings, size, child(key, "vessels")
    )
    return develop(attenuation, body, child(key, "grain"))


def _side_view(
    body: Anatomy,
    shape: Shape,
    findings: Sequence[DrawnFinding],
    size: int,
    rng: np.random.Generator,
) -> Map:
    u, y = grid(size)
    front = -0.20 - 0.10 * soft(y - 0.35, 0.5)
    back = 0.20 + 0.05 * sin(np.pi * np.clip(y, 0, 1))
    dome = 0.75 + 0.14 * np.clip((u + 0.12) / 0.36, 0, 1) ** 2 + 0.05 * np.clip(-u - 0.2, 0, 1)
    # Pushing the tip down keeps the lung narrow and round at the top.
    tip = body.apex + 0.03 + 3.0 * np.clip(np.abs(u - 0.04) - 0.08, 0, None) ** 2
    mask = soft(u - front, 0.015) * soft(back - u, 0.015) * soft(dome - y, 0.012)
    mask = (mask * soft(y - tip, 0.02)).astype(np.float32)
    air = np.ones_like(mask)
    extra = np.zeros_like(mask)
    for finding in findings:
        _side_sign(finding, u, y, back, dome, air, extra)
    outside = soft(u - front + 0.05 + body.soft_tissue, 0.02) * soft(back + 0.11 - u, 0.02)
    attenuation = 0.54 + body.soft_tissue + 0.2 * soft(y - dome, 0.012) - 0.40 * mask * air
    grown = shape.heart_fraction / 0.45
    low = y - 0.66 + 0.5 * (u + 0.13)
    heart = ((u + 0.13) / (0.125 * grown)) ** 2 + (low / (0.13 * grown)) ** 2
    attenuation = attenuation + 0.30 * soft(1 - heart, 0.25) * mask * (0.3 + 0.7 * air)
    attenuation += 0.16 * mask * bump(u, y, (0.02, 0.42), (0.05, 0.05))
    attenuation += (
        0.14
        * soft(0.045 - np.abs(u - back + 0.01), 0.015)
        * (0.7 + 0.3 * np.sign(cos(2 * np.pi * y / 0.058)))
    )
    attenuation += 0.16 * soft(0.012 - np.abs(u - front + 0.005), 0.008) * soft(0.6 - y, 0.05)
    attenuation -= 0.14 * soft(0.015 - np.abs(u - 0.01 - 0.1 * y), 0.01) * soft(0.40 - y, 0.02)
    ribs = (y - 0.35 * (u + 0.1)) / body.rib_spacing + body.rib_phase
    attenuation += 0.025 * soft(np.abs(ribs - np.floor(ribs) - 0.5) - 0.3, 0.1) * mask
    attenuation = attenuation + 0.02 * texture(rng, (size, size), 24) * mask + extra
    return (attenuation * outside * soft(y - 0.03, 0.03)).astype(np.float32)


def _side_sign(
    finding: DrawnFinding, u: Map, y: Map, back: Map, dome: Map, air: Map, extra: Map
) -> None:
    """Draw one finding on the lateral film, into `air` and `extra` in place."""
    rng, grade = finding.rng, finding.grade
    height = {"upper": 0.27, "apical": 0.2, "mid": 0.45}.get(finding.zone, 0.66)
    spot = (rng.uniform(0.02, 0.12), height)
    if finding.condition == "Pleural Effusion":
        level = grade(0.84, 0.68, 0.47) - 0.08 * power(np.clip((u - 0.05) / 0.2, 0, 1), 3)
        fluid = soft(y - level, 0.02) * (soft(u - 0.02, 0.1) if finding.level < 1.5 else 1)
        air *= 1 - fluid
        extra += 0.12 * fluid * soft(dome - y, 0.02) * soft(back - u, 0.02)
    elif finding.condition in ("Consolidation", "Pneumonia", "Lung Opacity", "Edema"):
        wide, dense = {
            "Consolidation": (0.075, 0.9),
            "Pneumonia": (0.06, 0.75),
            "Lung Opacity": (0.06 * grade(0.8, 1.1, 1.4), grade(0.35, 0.45, 0.6)),
            "Edema": (0.12, grade(0.4, 0.55, 0.75)),
        }[finding.condition]
        cloud = bump(u, y, spot if finding.condition != "Edema" else (0.02, 0.45), (wide, wide))
        rough = 1 + (0.4 if finding.condition == "Pneumonia" else 0.1) * texture(rng, air.shape, 25)
        air *= 1 - np.clip(dense * cloud * rough, 0, 0.95)
    elif finding.condition == "Lung Lesion":
        air *= 1 - 0.9 * soft(0.04 - hypot(u - spot[0], y - spot[1]), 0.012)
    elif finding.condition == "Atelectasis":
        band = ink(air.shape[0], [curve([(-0.1, 0.6), (0.05, 0.63), (0.18, 0.68)])], 0.008)
        air *= 1 - 0.7 * np.minimum(band, 1)
    elif finding.condition == "Support Devices":
        wire = [curve([(-0.16, 0.1), (-0.05, 0.3), (-0.02, 0.5), (-0.12, 0.68)])]
        extra += 0.4 * np.minimum(ink(air.shape[0], wire, 0.004), 1)
