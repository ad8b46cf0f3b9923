"""Draws synthetic frontal chest films that show given facts.

Everything is composed as attenuation (0 is air outside the body) and developed into grey at the
end, so that findings lie on top of each other as they do on a film.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nast.phantom.anatomy import Anatomy, Lung, Shape, chest_half, develop
from nast.phantom.canvas import (
    Map,
    Stroke,
    bump,
    cos,
    curve,
    exp,
    grid,
    ink,
    power,
    sin,
    soft,
    texture,
)
from nast.phantom.signs import SIGNS, DrawnFinding, devices, move
from nast.records import Fact

_LEVEL = {"mild": 0.0, "moderate": 1.0, "severe": 2.0}
_SIDES = {"right": (-1,), "left": (1,), "bilateral": (-1, 1)}
_AIR = 0.38
_TISSUE = 0.46


def draw_frontal(
    present: Sequence[Fact],
    rng: np.random.Generator,
    size: int = 224,
    anatomy: Anatomy | None = None,
) -> NDArray[np.uint8]:
    """Draw a frontal chest film; the patient's left is the image's right.

    The anatomy and the grain depend on `rng` alone and each finding has its own generator, so
    another finding leaves the rest of the image as it was.

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
    shape = chest_shape(body, findings)
    lungs = [chest_half(body, shape, side, size) for side in (-1, 1)]
    for condition, sign in SIGNS.items():
        for finding in findings:
            if finding.condition == condition:
                for lung in lungs:
                    if lung.side in finding.sides:
                        sign(lung, finding)
    attenuation = _chest(body, shape, lungs, child(key, "vessels"))
    for finding in findings:
        if finding.condition == "Support Devices":
            attenuation += devices(finding, shape, size)
    return develop(attenuation, body, child(key, "grain"))


def child(key: int, name: str) -> np.random.Generator:
    """A generator of its own for one part of a film, so that parts do not disturb each other."""
    return np.random.Generator(np.random.PCG64([key, crc32(name.encode())]))


def drawn_findings(present: Sequence[Fact], key: int) -> list[DrawnFinding]:
    """The present facts with their open attributes decided, in a fixed order."""
    facts = {fact for fact in present if fact.existence == "present"}
    ordered = sorted(facts, key=lambda f: tuple(str(v) for v in f.as_dict().values()))
    findings = []
    for fact in ordered:
        rng = child(key, f"{fact.condition}/{fact.side}/{fact.zone}")
        side, zone = rng.integers(2), rng.choice(["upper", "mid", "lower", "lower"])
        middling, jitter = rng.uniform(0.2, 1.5), rng.uniform(-0.12, 0.12)
        level = middling if fact.severity is None else _LEVEL[fact.severity] + jitter
        sides = _SIDES[fact.side] if fact.side else ((-1,), (1,))[side]
        if fact.zone == "retrocardiac":
            sides = (1,)
        if fact.condition == "Edema":
            sides = (-1, 1)
        if fact.condition == "Atelectasis" and zone == "upper":
            zone = "lower"
        findings.append(DrawnFinding(fact.condition, sides, fact.zone or str(zone), level, rng))
    return findings


def chest_shape(body: Anatomy, findings: Sequence[DrawnFinding]) -> Shape:
    """The borders of a chest after all findings have moved them."""
    dome = {-1: body.dome, 1: body.dome + body.dome_gap}
    shape = Shape(body.heart_fraction, body.mediastinum, body.knob, 0.0, dome)
    shape.shift = 0.008 * body.rotation
    for finding in findings:
        move(shape, finding)
    return shape


def _chest(body: Anatomy, shape: Shape, lungs: list[Lung], rng: np.random.Generator) -> Map:
    size = lungs[0].size
    u, y = grid(size)
    attenuation = np.empty((size, size), np.float32)
    vessels = _vessels(rng, shape, size)
    uneven = texture(rng, (size, size), 9)
    for lung in lungs:
        attenuation[:, lung.columns] = _half(body, shape, lung, vessels[:, lung.columns])
    spine_u = u - np.float32(0.25 * shape.shift - 0.008 * body.rotation)
    discs = 0.8 + 0.2 * cos(2 * np.pi * y / 0.052).astype(np.float32)
    attenuation += np.float32(0.10) * soft(0.036 - np.abs(spine_u), 0.012) * discs
    middle = u - np.float32(0.9 * shape.shift) * soft(y - 0.2, 0.3)
    trachea = soft(0.017 - np.abs(middle), 0.01) * soft(0.375 - y, 0.02)
    attenuation -= np.float32(0.13) * trachea
    attenuation -= np.float32(0.20) * bump(u, y, (0.13, shape.dome[1] + 0.075), (0.042, 0.026))
    attenuation += np.float32(0.012) * uneven * soft(0.4 - np.abs(u), 0.1)
    clavicles = []
    for side in (-1, 1):
        head = 0.045 + 0.012 * side * body.rotation
        nodes = [(head, 0.20), (0.14, 0.175), (0.26, 0.165), (0.40, 0.12)]
        clavicles.append(curve([(side * a, h + body.apex - 0.11) for a, h in nodes]))
    attenuation += np.float32(0.15) * np.minimum(ink(size, clavicles, 0.0095), 1)
    return _trim(attenuation, body)


def _trim(attenuation: Map, body: Anatomy) -> Map:
    """Cut the body out of the surrounding air: neck, shoulders, arms and flanks."""
    u, y = grid(attenuation.shape[0])
    a = np.abs(u)
    shoulder = 0.045 + 0.11 * power(np.clip((a - 0.10) / 0.36, 0, 1), 1.5)
    above = np.where(a < 0.105, np.float32(-0.1), shoulder.astype(np.float32))
    trunk = body.width + 0.025 + body.soft_tissue + 0.25 * np.clip(0.42 - y, 0, 1)
    return attenuation * soft(y - above, 0.02) * soft(trunk.astype(np.float32) - a, 0.02)


def _half(body: Anatomy, shape: Shape, lung: Lung, vessels: Map) -> Map:
    a, y, mask = lung.a, lung.y, lung.mask
    below = soft(y - lung.floor, 0.011)
    tissue = _TISSUE + body.soft_tissue + 0.22 * soft(lung.inner - a, 0.03) * (1 - below)
    attenuation = tissue + np.float32(0.22) * below * soft(lung.wall + 0.015 - a, 0.03)
    attenuation -= np.float32(_AIR) * mask * lung.air
    attenuation += np.float32(0.15) * vessels * lung.marks * mask
    attenuation += _ribs(body, shape, lung)
    attenuation += lung.extra
    if body.breast > 0:
        ring = ((a - 0.21) / 0.15) ** 2 + ((y - 0.56) / 0.15) ** 2
        attenuation += np.float32(body.breast) * soft(1 - ring, 0.5)
    blade = soft(a - (0.235 + 0.12 * y / 0.4), 0.01) * soft(0.42 - y, 0.02) * soft(y - 0.16, 0.03)
    return (attenuation + np.float32(0.035) * blade).astype(np.float32)


def _ribs(body: Anatomy, shape: Shape, lung: Lung) -> Map:
    """Posterior and fainter anterior arcs; broken ribs step, gape and whiten."""
    share = np.minimum(lung.a / lung.wall, np.float32(1.1))
    drop = np.float32(body.rib_drop) * (share * share - 0.3 * share)
    first = body.apex + (body.rib_phase - 1) * body.rib_spacing
    place = (lung.y - drop - np.float32(first)) / np.float32(body.rib_spacing)
    rib = np.floor(place)
    across = place - rib - np.float32(0.5)
    density = np.float32(body.rib_density) * (0.75 + 0.5 * power(share, 4))
    for side, at, height, step in shape.breaks:
        if side == lung.side:
            fall = body.rib_drop * (at * at - 0.3 * at)
            broken = rib == np.floor((height - fall - first) / body.rib_spacing)
            beyond = share - np.float32(at)
            near = exp(-((beyond / 0.22) ** 2))
            across = across + np.where(broken & (beyond > 0), -step, 0.5 * step * near * broken)
            gap = 1 - exp(-((beyond / 0.035) ** 2))
            density = np.where(broken, density * gap * (1 + 6 * near), density)
    within = soft(lung.wall + 0.012 - lung.a, 0.012) * soft(lung.a - 0.035, 0.01)
    within = within * soft(body.dome + 0.12 - lung.y, 0.1) * soft(lung.y - body.apex + 0.03, 0.03)
    distance = np.abs(across)
    arcs = soft(0.2 - distance, 0.1) * (0.65 + 9 * distance * distance) * density
    front = (lung.y + np.float32(0.20) * share - np.float32(first)) / 0.078
    front = np.abs(front - np.floor(front) - np.float32(0.5))
    arcs += np.float32(0.03) * soft(0.2 - front, 0.12) * soft(share - 0.45, 0.15)
    return (arcs * within).astype(np.float32)


def _vessels(rng: np.random.Generator, shape: Shape, size: int) -> Map:
    """The branching vessels of both lungs, thick at the hila, and the hila themselves."""
    thick: list[Stroke] = []
    thin: list[Stroke] = []
    for side in (-1, 1):
        hilum = np.array([0.068 + side * shape.shift, 0.44 if side < 0 else 0.425])
        angles = np.linspace(-1.35, 1.3, 9) + rng.uniform(-0.14, 0.14, 9)
        bends, lengths = rng.uniform(-0.07, 0.07, (9, 4)), rng.uniform(0.2, 0.36, 9)
        starts, turns = rng.uniform(0.25, 0.7, (9, 3)), rng.uniform(0.3, 0.6, (9, 3))
        # Vessels leave the hilum over its height, not from one point.
        roots = hilum + np.stack([0 * angles, 0.035 * sin(angles)], axis=1)
        trunks = _twigs(roots, angles, lengths, bends[:, 0])
        forks = trunks[np.arange(9)[:, None], (starts * 69).astype(np.intp)]
        turned = angles[:, None] + turns * (-1, 1, -1)
        shorter = 0.9 * lengths[:, None] * (1 - starts)
        branches = _twigs(forks, turned, shorter, bends[:, 1:]).reshape(27, 70, 2)
        for lines in (trunks, branches):
            lines[..., 0] *= side
        thick += [(line[:25], 0.8) for line in trunks]
        thin += [(line[24:], 0.9) for line in trunks]
        thin += [(line, 0.55) for line in branches]
    u, y = grid(size)
    drawn = np.minimum(ink(size, thick, 0.0045), 1)
    drawn += np.float32(0.55) * np.minimum(ink(size, thin, 0.0024), 1)
    for side in (-1, 1):
        drawn += np.float32(0.6) * bump(u, y, (side * 0.072 + shape.shift, 0.435), (0.02, 0.042))
    return drawn


def _twigs(starts: Map, angles: Map, lengths: Map, bends: Map) -> Map:
    """Bent lines of 70 points, outwards from `starts` (..., 2) at `angles` below the horizontal."""
    t = np.linspace(0, 1, 70)
    cosine, sine = cos(angles)[..., None], sin(angles)[..., None]
    along, across = lengths[..., None] * t, bends[..., None] * t**2
    path = np.stack([cosine * along - sine * across, sine * along + cosine * across], axis=-1)
    return starts[..., None, :] + path
