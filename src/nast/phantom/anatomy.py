"""How one drawn patient differs from another: body, exposure, and the borders of the chest.

Lengths are fractions of the image width. `u` runs from -0.5 at the image's left edge (the patient's
right) to 0.5, `y` from 0 at the top to 1. Side -1 is the patient's right, +1 the patient's left.
"""

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from nast.phantom.canvas import Map, Stroke, cos, exp, grid, ink, power, sin, soft, texture


def _drawn(usual: float, low: float, high: float) -> float:
    """A number of a patient: its usual value, and between which ends it is drawn."""
    return field(default=usual, metadata={"between": (low, high)})


@dataclass(frozen=True)
class Anatomy:
    """One patient's body and one study's exposure.

    Attributes:
        width: half the inner width of the rib cage, 0.35 to 0.40.
        apex: height of the lung tops, 0.09 to 0.13.
        dome: height of the right diaphragm's dome, 0.70 to 0.76.
        dome_gap: how much lower the left dome is, 0.015 to 0.035.
        heart_fraction: cardiothoracic ratio of the healthy heart, 0.42 to 0.48.
        heart_lean: share of the heart that lies left of the midline, 0.63 to 0.70.
        mediastinum: half the width of the upper mediastinum, 0.048 to 0.060.
        knob: radius of the aortic knob, 0.026 to 0.036.
        rib_phase: where the first rib starts, as a share of the spacing, 0 to 1.
        rib_spacing: distance between ribs, 0.068 to 0.080.
        rib_drop: how far a posterior rib falls from spine to side, 0.12 to 0.18.
        rib_density: attenuation of a rib, 0.06 to 0.10.
        rotation: turn of the patient about the long axis, -1 to 1 (about 5 degrees).
        tilt: turn of the image, degrees, -4 to 4.
        zoom: magnification, 0.95 to 1.05.
        down: shift of the image, -0.025 to 0.025.
        right: the same to the right.
        soft_tissue: thickness of the chest wall, 0.03 to 0.07.
        breast: density of the breast shadows, 0 to 0.08.
        contrast: slope of the tone curve, 0.9 to 1.15.
        exposure: attenuation added everywhere, -0.05 to 0.05.
        noise: standard deviation of the grain, grey levels of 255, 2 to 5.
    """

    width: float = _drawn(0.375, 0.35, 0.40)
    apex: float = _drawn(0.11, 0.09, 0.13)
    dome: float = _drawn(0.73, 0.70, 0.76)
    dome_gap: float = _drawn(0.025, 0.015, 0.035)
    heart_fraction: float = _drawn(0.45, 0.42, 0.48)
    heart_lean: float = _drawn(0.66, 0.63, 0.70)
    mediastinum: float = _drawn(0.054, 0.048, 0.060)
    knob: float = _drawn(0.031, 0.026, 0.036)
    rib_phase: float = _drawn(0.5, 0, 1)
    rib_spacing: float = _drawn(0.074, 0.068, 0.080)
    rib_drop: float = _drawn(0.15, 0.12, 0.18)
    rib_density: float = _drawn(0.08, 0.06, 0.10)
    rotation: float = _drawn(0.0, -1, 1)
    tilt: float = _drawn(0.0, -4, 4)
    zoom: float = _drawn(1.0, 0.95, 1.05)
    down: float = _drawn(0.0, -0.025, 0.025)
    right: float = _drawn(0.0, -0.025, 0.025)
    soft_tissue: float = _drawn(0.045, 0.03, 0.07)
    breast: float = _drawn(0.0, -0.08, 0.08)
    contrast: float = _drawn(1.0, 0.9, 1.15)
    exposure: float = _drawn(0.0, -0.05, 0.05)
    noise: float = _drawn(3.0, 2, 5)

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Anatomy":
        """Draw a patient and an exposure.

        Args:
            rng: the only source of randomness.
        """
        drawn = {each.name: rng.uniform(*each.metadata["between"]) for each in fields(cls)}
        return cls(**drawn | {"breast": max(0.0, drawn["breast"])})


def develop(attenuation: Map, anatomy: Anatomy, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn an attenuation map into a film: place it, expose it, add grain.

    Args:
        attenuation: shape (size, size), 0 for air outside the body, about 0.8 for the heart.
        anatomy: tilt, zoom, shift, contrast, exposure and noise.
        rng: the source of the grain.

    Returns:
        Grey levels of shape (size, size), white where attenuation is high.
    """
    size = attenuation.shape[0]
    angle = np.deg2rad(anatomy.tilt)
    turn = np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])
    turn /= anatomy.zoom
    centre = np.full(2, (size - 1) / 2)
    moved = centre + np.array([anatomy.down, anatomy.right]) * size
    # Not as a matrix product, whose last digits are those of the processor.
    start = centre - (turn[:, 0] * moved[0] + turn[:, 1] * moved[1])
    placed = affine_transform(attenuation, turn, start, order=1, mode="nearest")
    level = np.maximum((placed - 0.5) * anatomy.contrast + 0.5 + anatomy.exposure, 0)
    # An exponential shoulder keeps dense signs on top of each other apart.
    film = 265 * (1 - exp(-1.45 * level))
    grain = rng.standard_normal((size, size), dtype=np.float32) * anatomy.noise
    slow = texture(rng, (size, size), max(8, size // 5)) * anatomy.noise * 0.5
    return np.clip(film + grain + slow, 0, 255).astype(np.uint8)


@dataclass
class Shape:
    """Where the borders of a chest lie after the findings have moved them.

    Attributes:
        heart_fraction: cardiothoracic ratio.
        mediastinum: half the width of the upper mediastinum.
        knob: radius of the aortic knob.
        shift: shift of the mediastinum towards the patient's left.
        dome: height of the diaphragm's dome by side.
        breaks: broken ribs as (side, share of the half width, height, step in rib spacings).
    """

    heart_fraction: float
    mediastinum: float
    knob: float
    shift: float
    dome: dict[int, float]
    breaks: list[tuple[int, float, float, float]] = field(default_factory=list)


@dataclass
class Lung:
    """Half a chest, `a` counted from the midline outwards.

    Attributes:
        side: -1 for the patient's right, +1 for the left.
        columns: the half's columns in the whole image.
        size: side of the whole image, pixels.
        a: distance from the midline, shape (1, n).
        y: height, shape (size, 1).
        wall: inner chest wall by row, shape (size, 1).
        inner: border to the mediastinum by row, shape (size, 1).
        floor: diaphragm by column, shape (1, n).
        top: height of the lung's tip.
        mask: 1 in the lung, shape (size, n).
        air: share of the air that is left, shape (size, n).
        marks: strength of the vessels, shape (size, n).
        extra: added attenuation, shape (size, n).
    """

    side: int
    columns: slice
    size: int
    a: Map
    y: Map
    wall: Map
    inner: Map
    floor: Map
    top: float
    mask: Map
    air: Map
    marks: Map
    extra: Map

    def height(self, share: float) -> float:
        """The height at a share of the way from the lung's tip to its dome."""
        return float(self.top + share * (float(self.floor.min()) - self.top))

    def across(self, y: float, share: float) -> float:
        """The distance from the midline at a share of the way from mediastinum to wall."""
        row = min(max(int(y * self.size), 0), self.size - 1)
        inner, wall = float(self.inner[row, 0]), float(self.wall[row, 0])
        return float(inner + share * (wall - inner))

    def lines(self, strokes: list[Stroke], width: float) -> Map:
        """Lines given in (distance from the midline, height), as a map of this half."""
        turned = [(line * (self.side, 1), weight) for line, weight in strokes]
        return ink(self.size, turned, width)[:, self.columns]

    def fill(self, opacity: Map, dense: float = 0.1, behind: bool = False) -> None:
        """Replace air by tissue; `behind` lets it show through the heart as well."""
        self.air *= 1 - opacity
        self.marks *= 1 - opacity
        within = soft(self.wall - self.a, 0.02) * soft(self.floor - self.y, 0.02)
        # Behind the heart there is no air to lose, so what shows there is drawn denser.
        strength = np.float32(dense) + np.float32(0.12) * (1 - self.mask)
        self.extra += opacity * (within * strength if behind else self.mask * np.float32(dense))


def _mediastinum(body: Anatomy, shape: Shape, side: int, y: Map) -> Map:
    """Half the width of heart and great vessels by row, on one side."""
    narrow = body.mediastinum
    swell = exp(-(((y - 0.29) / 0.12) ** 2)) * (shape.mediastinum - narrow)
    upper = narrow + swell - 0.012 * soft(0.2 - y, 0.12)
    whole = 2 * body.width * shape.heart_fraction
    lean = body.heart_lean - 0.25 * (shape.heart_fraction - body.heart_fraction)
    reach = whole * (lean if side > 0 else 1 - lean)
    start = 0.41 - 0.25 * (shape.heart_fraction - body.heart_fraction)
    end = body.dome + (0.03 if side > 0 else 0.015)
    t = (y - start) / (end - start)
    peak = 0.74 if side > 0 else 0.6
    rise = power(sin(np.pi / 2 * np.clip(t / peak, 0, 1)), 1.25 if side > 0 else 0.9)
    fall = np.sqrt(np.clip(1 - ((t - peak) / 0.62) ** 2, 0.05, 1))
    heart = narrow + (reach - narrow) * np.where(t < peak, rise, fall)
    border = np.where(t > 0, np.maximum(heart, upper), upper)
    if side > 0:
        knob = 0.034 + 1.3 * shape.knob * exp(-(((y - 0.27) / (1.05 * shape.knob)) ** 2))
        trunk = narrow + 0.014 * exp(-(((y - 0.385) / 0.03) ** 2))
        border = np.maximum(border, np.maximum(np.where(knob > 0.036, knob, 0), trunk))
    # The neck stays where it is when the chest below is pulled over.
    return (border + side * shape.shift * soft(y - 0.2, 0.3)).astype(np.float32)


def chest_half(body: Anatomy, shape: Shape, side: int, size: int) -> Lung:
    """The undiseased lung of one side within the borders of `shape`."""
    u, y = grid(size)
    columns = slice(0, size // 2) if side < 0 else slice(size // 2, size)
    a = np.abs(u[:, columns])
    dome = shape.dome[side]
    t = (y - body.apex) / (body.dome + 0.10 - body.apex)
    spread = power(1 - power(1 - np.clip(t / 0.75, 0, 1), 2.2), 0.6)
    wall = (0.13 + (body.width - 0.13) * spread).astype(np.float32)
    border = _mediastinum(body, shape, side, y)
    round_top = np.sqrt(1 - (1 - np.clip(t / 0.13, 0, 1)) ** 2)
    inner = np.maximum(border, 0.13 - (0.13 - border) * round_top).astype(np.float32)
    middle = 0.47 * body.width
    out = power(np.clip((a - middle) / (body.width - middle), 0, None), 2.3)
    fall = 0.095 * out + 0.04 * np.clip((middle - a) / middle, 0, 1) ** 2
    floor = (dome + fall).astype(np.float32)
    mask = soft(wall - a, 0.012) * soft(a - inner, 0.012)
    mask = mask * soft(floor - y, 0.011) * soft(y - body.apex, 0.012)
    ones = np.ones_like(mask)
    return Lung(
        side, columns, size, a, y, wall, inner, floor, body.apex, mask, ones, ones.copy(), 0 * ones
    )
