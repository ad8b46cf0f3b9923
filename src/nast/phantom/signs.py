"""What each condition does to a drawn chest.

A sign works on one `Lung` at a time: it takes air out (`fill`), hides the vessels (`marks`) or adds
attenuation (`extra`). Signs that move the anatomy write to the `Shape` before it is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nast.phantom.anatomy import Lung, Shape
from nast.phantom.canvas import (
    Map,
    Stroke,
    bump,
    cos,
    curve,
    exp,
    grid,
    ink,
    log,
    power,
    sin,
    soft,
    texture,
)

_ZONE_SPAN = {
    "apical": (0.03, 0.20),
    "upper": (0.08, 0.36),
    "mid": (0.38, 0.62),
    "lower": (0.66, 0.92),
    "retrocardiac": (0.70, 0.95),
}
"""Top and bottom of a zone as shares of the lung's height."""


@dataclass
class DrawnFinding:
    """A present fact with its open attributes decided.

    Attributes:
        condition: the CheXpert label.
        sides: -1 (patient's right) and +1 (patient's left).
        zone: a zone of the lung.
        level: extent, about 0 for mild, 1 for moderate, 2 for severe.
        rng: the finding's own generator.
    """

    condition: str
    sides: tuple[int, ...]
    zone: str
    level: float
    rng: np.random.Generator

    def grade(self, mild: float, moderate: float, severe: float) -> float:
        """The value that belongs to the finding's level, interpolated between the grades."""
        slopes = (moderate - mild, severe - moderate)
        step = slopes[0] if self.level < 1 else slopes[1]
        return moderate + (self.level - 1) * step


def _spot(
    lung: Lung, finding: DrawnFinding, low: float = 0.3, high: float = 0.7
) -> tuple[float, float]:
    first, last = _ZONE_SPAN[finding.zone]
    y = lung.height(finding.rng.uniform(first + 0.06, last - 0.06))
    share = finding.rng.uniform(low, high)
    if finding.zone == "retrocardiac":
        return 0.07 + 0.05 * share, y
    return lung.across(y, share), y


def atelectasis(lung: Lung, finding: DrawnFinding) -> None:
    """Plate-like bands, up to four."""
    rng = finding.rng
    first, last = _ZONE_SPAN[finding.zone]
    shares = first + (last - first) * np.array([0.75, 0.15, 1.3, -0.4])
    shares += rng.uniform(-0.02, 0.02, 4)
    starts, ends = rng.uniform(0.02, 0.12, 4), rng.uniform(0.8, 0.97, 4)
    slopes = rng.uniform(-0.015, 0.015, 4) + rng.uniform(-0.02, 0.02)
    strokes = []
    for i in range(int(np.clip(round(finding.level) + 2, 2, 4))):
        y = lung.height(shares[i])
        a = lung.across(y, starts[i]), lung.across(y, ends[i])
        if finding.zone == "retrocardiac":
            a = (0.03, 0.17)
        strokes.append(curve([(a[0], y - slopes[i]), (a[1], y + slopes[i])]))
    bands = np.minimum(lung.lines(strokes, finding.grade(0.0055, 0.0075, 0.010)), 1)
    lung.fill(bands * np.float32(0.75), 0.16, finding.zone == "retrocardiac")


def consolidation(lung: Lung, finding: DrawnFinding) -> None:
    """A dense lobe with a sharp fissure and air bronchograms."""
    rng = finding.rng
    first, last = _ZONE_SPAN[finding.zone]
    tilt = rng.uniform(-0.05, 0.12)
    slope = np.float32(tilt) * (lung.a - 0.2)
    wavy = lung.y + slope + np.float32(0.008) * texture(rng, lung.mask.shape, 7)
    lobe = soft(wavy - lung.height(first), 0.012 if finding.zone != "upper" else 0.10)
    if finding.zone in ("upper", "apical", "mid"):
        lobe = lobe * soft(lung.height(last) - wavy, 0.012)
    if finding.zone in ("lower", "retrocardiac"):
        # The costophrenic angle stays open; only fluid closes it.
        reach = 0.17 if finding.zone == "retrocardiac" else 0.80 * float(lung.wall.max())
        below = lung.height(0.0 if finding.zone == "retrocardiac" else 0.98)
        lobe = lobe * soft(np.maximum(reach - lung.a, below - lung.y), 0.04)
    middle = lung.height((first + last) / 2)
    bronchi = []
    for share in (0.05, 0.4, 0.75, 1.0):
        y = lung.height(first + share * (last - first)) + rng.uniform(-0.01, 0.01)
        end = (lung.across(y, rng.uniform(0.55, 0.85)), y)
        fork = (lung.across(middle, 0.3), 0.5 * (middle + y))
        bronchi.append(curve([(0.06, 0.5 * (0.43 + middle)), fork, end]))
        bronchi.append(curve([fork, (fork[0] + 0.06, fork[1] + rng.uniform(-0.05, 0.05))]))
    holes = np.minimum(lung.lines(bronchi, 0.0045), 1)
    lung.fill(lobe * (np.float32(0.86) - np.float32(0.55) * holes), 0.16, "retro" in finding.zone)


def edema(lung: Lung, finding: DrawnFinding) -> None:
    """Bat-wing haze, prominent vessels and Kerley B lines."""
    rng, grade = finding.rng, finding.grade
    reach = grade(0.75, 1.1, 1.5)
    wing = bump(lung.a, lung.y, (0.14, 0.46), (0.075 * reach, 0.11 * reach))
    mottled = 1 + np.float32(0.22) * texture(rng, lung.mask.shape, 12)
    lung.marks *= np.float32(grade(1.6, 1.9, 2.1))
    kerley = []
    for share in np.linspace(0.70, 1.04, 8) + rng.uniform(-0.01, 0.01, 8):
        y = lung.height(share)
        wall = lung.across(y, 1.0)
        kerley.append(curve([(wall - 0.055, y + 0.004), (wall - 0.004, y)], n=24))
    haze = np.clip(wing * mottled * np.float32(grade(0.42, 0.68, 0.92)), 0, 0.92)
    # Fluid blurs the vessels but they stay visible, so only the air is taken.
    lung.air *= 1 - haze
    lung.extra += np.float32(0.12) * haze * lung.mask
    lines = np.minimum(lung.lines(kerley, 0.0032), 1)
    lung.extra += lines * lung.mask * np.float32(grade(0.12, 0.15, 0.18))


def lung_lesion(lung: Lung, finding: DrawnFinding) -> None:
    """A round nodule or mass."""
    a, y = _spot(lung, finding)
    radius = np.float32(finding.rng.uniform(0.045, 0.070))
    square = ((lung.a - a) ** 2 + (lung.y - y) ** 2) / radius**2
    ball = soft(1 - square, 0.25) * (0.7 + 0.3 * np.sqrt(np.clip(1 - square, 0, 1)))
    lung.fill(ball * np.float32(0.85), 0.16, finding.zone == "retrocardiac")


def lung_opacity(lung: Lung, finding: DrawnFinding) -> None:
    """Ground glass: faint, even, without an edge."""
    a, y = _spot(lung, finding, 0.45, 0.6)
    reach = finding.grade(0.85, 1.2, 1.6)
    cloud = bump(lung.a, lung.y, (a, y), (0.075 * reach, 0.062 * reach))
    even = 1 + np.float32(0.08) * texture(finding.rng, lung.mask.shape, 9)
    opacity = np.clip(cloud * even * np.float32(finding.grade(0.50, 0.60, 0.72)), 0, 0.8)
    lung.fill(
        opacity, 0.08 if finding.zone != "retrocardiac" else 0.2, finding.zone == "retrocardiac"
    )


def pleural_effusion(lung: Lung, finding: DrawnFinding) -> None:
    """Fluid with a meniscus that climbs the lateral wall."""
    level = lung.height(finding.grade(1.10, 0.84, 0.45))
    climb = finding.grade(0.17, 0.14, 0.12)
    share = np.clip((lung.a - lung.inner) / (lung.wall - lung.inner + 1e-3), 0, 1)
    surface = level - np.float32(climb) * power(share, 3) - np.float32(0.03) * power(1 - share, 6)
    fluid = soft(lung.y - surface, 0.022) * soft(lung.wall + 0.004 - lung.a, 0.01)
    lung.air *= 1 - fluid
    lung.marks *= 1 - fluid
    within = soft(lung.a - lung.inner + 0.002, 0.02) * soft(lung.floor - lung.y, 0.02)
    lung.extra += fluid * within * np.float32(0.2)


def pleural_other(lung: Lung, finding: DrawnFinding) -> None:
    """A thick pleura along the wall, an apical cap and calcified plaques."""
    rng = finding.rng
    thick = np.float32(rng.uniform(0.034, 0.044))
    rough = texture(rng, (lung.size, lung.a.shape[1]), 11)
    low = lung.height(rng.uniform(0.70, 0.85))
    rind = soft(lung.a - lung.wall + thick * (1 + 0.22 * rough[:, :1]), 0.010)
    cap = soft(lung.top + 0.045 + 0.008 * rough[:1] - lung.y, 0.012)
    peel = np.maximum(rind * soft(low - lung.y, 0.06), cap)
    lung.fill(peel * np.float32(0.88), 0.12)
    for share in rng.uniform(0.32, 0.75, 2):
        y = lung.height(share)
        a = lung.across(y, 0.88) - 0.01
        square = ((lung.a - a) / 0.017) ** 2 + ((lung.y - y) / 0.04) ** 2
        plaque = soft(1 - square + 0.45 * texture(rng, lung.mask.shape, 22), 0.4)
        lung.extra += plaque * lung.mask * np.float32(0.30)


def pneumonia(lung: Lung, finding: DrawnFinding) -> None:
    """Fluffy patches in a cluster."""
    rng = finding.rng
    first, last = _ZONE_SPAN[finding.zone]
    clear = np.ones_like(lung.mask)
    for i in range(9):
        y = lung.height(rng.uniform(first, last))
        a = lung.across(y, ((i % 3) + rng.uniform(0.1, 0.9)) / 3.2)
        if finding.zone == "retrocardiac":
            a = rng.uniform(0.02, 0.17)
        radius = rng.uniform(0.020, 0.034)
        clear *= 1 - np.float32(0.72) * bump(lung.a, lung.y, (a, y), (radius, radius * 0.9))
    fluff = 1 + np.float32(0.3) * texture(rng, lung.mask.shape, 30)
    opacity = np.clip((1 - clear) * fluff, 0, 0.85)
    lung.fill(opacity, 0.13, finding.zone == "retrocardiac")


def pneumothorax(lung: Lung, finding: DrawnFinding) -> None:
    """Air without vessels outside a thin pleural line."""
    grade = finding.grade
    share = np.clip((lung.y - lung.top) / (lung.height(1.0) - lung.top), 0, 1.2)
    inset = np.float32(grade(0.075, 0.12, 0.18)) * (1 - np.float32(grade(0.9, 0.35, 0)) * share)
    tip = lung.top + grade(0.11, 0.16, 0.24)
    dip = np.float32(3.0) * (lung.a - 0.12) ** 2
    sides = lung.wall - inset - lung.a, lung.y - tip - dip
    # A soft minimum rounds the corners of the collapsed lung.
    corner = exp(-45 * np.clip(sides[0], -0.2, 1)) + exp(-45 * np.clip(sides[1], -0.2, 1))
    if finding.level > 1.5:
        corner = corner + exp(-45 * np.clip(lung.height(0.95) - lung.y, -0.2, 1))
    edge = -log(corner) / 45
    visceral = soft(edge, 0.008)
    line = exp(-((edge / np.float32(0.0055)) ** 2))
    lung.marks *= visceral
    lung.air *= 1.17 - visceral * np.float32(0.17 + grade(0.05, 0.12, 0.42))
    lung.extra += line * lung.mask * np.float32(0.2)


def devices(finding: DrawnFinding, shape: Shape, size: int) -> Map:
    """Two to four of: pacemaker, venous line, endotracheal tube, sternal wires, ECG leads."""
    rng, x = finding.rng, shape.shift
    u, y = grid(size)
    chosen = rng.permutation(5)[: rng.integers(2, 5)]
    if 0 not in chosen and 1 not in chosen:
        chosen[0] = rng.integers(2)
    lines: list[Stroke] = []
    metal = np.zeros((size, size), np.float32)
    side = 1 if rng.uniform() < 0.75 else -1
    if 0 in chosen:
        square = power((u - side * 0.27) / 0.05, 4) + power((y - 0.24) / 0.042, 4)
        metal += 0.55 * soft(1 - square, 0.3)
        to = [(side * 0.24, 0.21), (side * 0.12, 0.19), (-0.05 + x, 0.32), (-0.07 + x, 0.56)]
        lines += [curve([*to, (0.11 + x, 0.68)]), curve([*to[:3], (-0.09 + x, 0.5)])]
    if 1 in chosen:
        tip = rng.uniform(0.40, 0.50)
        neck = [(-0.085, 0.0), (-0.075, 0.10), (-0.055 + x, 0.24), (-0.05 + x, tip)]
        arm = [(-0.42, 0.20), (-0.25, 0.17), (-0.08 + x, 0.22), (-0.05 + x, tip)]
        lines.append(curve(neck if rng.uniform() < 0.5 else arm))
    if 2 in chosen:
        lines.append(curve([(0.006, 0.0), (x, 0.15), (x, rng.uniform(0.27, 0.33))]))
    turn = np.linspace(0, 2 * np.pi, 40)
    if 3 in chosen:
        for height in np.linspace(0.30, 0.66, 6):
            ring = np.stack([0.016 * cos(turn), height + 0.011 * sin(turn)], axis=1)
            lines.append((ring, 1.0))
    if 4 in chosen:
        for spot in ((-0.25, 0.20), (0.25, 0.30), (-0.22, 0.62), (0.27, 0.60)):
            a, h = np.array(spot) + rng.uniform(-0.03, 0.03, 2)
            rings = [np.stack([a + r * cos(turn), h + r * sin(turn)], 1) for r in (5e-3, 11e-3)]
            lines += [(ring, 0.8) for ring in rings]
            lines.append(curve([(a, h), (a * 0.8, h + 0.12), (a * 1.1, 1.0)], 0.45))
    if lines:
        metal += 0.5 * np.minimum(ink(size, lines, 0.0035), 1)
    return metal.astype(np.float32)


SIGNS: dict[str, Callable[[Lung, DrawnFinding], None]] = {
    "Atelectasis": atelectasis,
    "Consolidation": consolidation,
    "Edema": edema,
    "Lung Lesion": lung_lesion,
    "Lung Opacity": lung_opacity,
    "Pleural Other": pleural_other,
    "Pneumonia": pneumonia,
    "Pneumothorax": pneumothorax,
    # Fluid covers what lies behind it, so it comes last.
    "Pleural Effusion": pleural_effusion,
}
"""The signs of the lung and pleura, in the order in which they are drawn."""


def move(shape: Shape, finding: DrawnFinding) -> None:
    """Write to `shape` what a finding does to the borders and the ribs."""
    rng, grade = finding.rng, finding.grade
    if finding.condition == "Cardiomegaly":
        shape.heart_fraction = grade(0.56, 0.635, 0.72)
    elif finding.condition == "Enlarged Cardiomediastinum":
        shape.mediastinum = rng.uniform(0.115, 0.14)
        shape.knob += 0.012
    for side in finding.sides:
        if finding.condition == "Atelectasis":
            shape.dome[side] -= grade(0.045, 0.075, 0.11)
            shape.shift += side * grade(0.015, 0.028, 0.045)
        elif finding.condition == "Pneumothorax":
            shape.dome[side] += grade(0, 0.01, 0.03)
            shape.shift -= side * grade(0, 0.008, 0.03)
        elif finding.condition == "Pleural Effusion":
            shape.shift -= side * grade(0, 0.004, 0.018)
        elif finding.condition == "Fracture":
            y, share = rng.uniform(0.32, 0.5), rng.uniform(0.62, 0.8)
            shape.breaks.append((side, share, y, 0.34))
            for below in (0.075, 0.15):
                shape.breaks.append((side, share + rng.uniform(-0.04, 0.04), y + below, 0.34))
