"""The small tools that every drawing shares: grids, soft edges, textures, strokes.

Lengths are fractions of the image width. `u` runs from -0.5 at the image's left edge (the patient's
right) to 0.5, `y` from 0 at the top to 1.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Map = NDArray[np.floating]


def steady(function: Callable[..., Map]) -> Callable[..., Map]:
    """A function of arrays whose values do not depend on the processor.

    The last digits of `exp`, `sin` or a matrix product are those of the kernel that computes them.
    Computed with 53 bits and kept with 24, they are equal everywhere, and so are the films.
    """

    def rounded(*arrays: Any) -> Map:
        return function(*(np.asarray(a, np.float64) for a in arrays)).astype(np.float32)

    return rounded


exp, log, sin, cos, power, hypot = map(steady, (np.exp, np.log, np.sin, np.cos, np.power, np.hypot))
product = steady(np.matmul)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Map, Map]:
    """The pixel centres: `u` of shape (1, size) and `y` of shape (size, 1)."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, y = (centres - 0.5)[None, :], centres[:, None]
    u.flags.writeable = y.flags.writeable = False
    return u, y


def soft(distance: Map, width: float) -> Map:
    """A step from 0 to 1 around `distance` 0, smooth over `width`."""
    ramp = distance * np.float32(1 / width)
    ramp += np.float32(0.5)
    np.maximum(ramp, 0, out=ramp)
    np.minimum(ramp, 1, out=ramp)
    bend = ramp * np.float32(-2)
    bend += np.float32(3)
    bend *= ramp
    bend *= ramp
    return bend


def bump(x: Map, y: Map, centre: tuple[float, float], radii: tuple[float, float]) -> Map:
    """A Gaussian hill of height 1 with standard deviations `radii` in x and y."""
    across = exp(-0.5 * ((x - centre[0]) / radii[0]) ** 2)
    down = exp(-0.5 * ((y - centre[1]) / radii[1]) ** 2)
    return (across * down).astype(np.float32)


@lru_cache(maxsize=64)
def _between(n: int, cells: int) -> tuple[NDArray[np.intp], Map]:
    position = np.linspace(0, cells - 1, n, dtype=np.float32)
    below = np.minimum(position.astype(np.intp), cells - 2)
    weight = position - below
    return below, (weight * weight * (3 - 2 * weight)).astype(np.float32)


def texture(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Map:
    """Smooth noise of about unit variance: a coarse grid of normals, enlarged.

    Args:
        rng: the source of the `cells` x `cells` normals.
        shape: rows and columns of the result.
        cells: nodes along each axis; more of them make a finer texture.
    """
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    row, down = _between(shape[0], cells)
    column, across = _between(shape[1], cells)
    rows = coarse[row] * (1 - down)[:, None] + coarse[row + 1] * down[:, None]
    return (rows[:, column] * (1 - across) + rows[:, column + 1] * across) * np.float32(1.4)


Stroke = tuple[NDArray[np.floating], float]
"""Points (n, 2) of a line as (u, y), in order, and its weight (1: full density at the centre)."""


@lru_cache(maxsize=64)
def _spline(nodes: int, n: int) -> Map:
    """The matrix (n, nodes) that turns nodes into points of a cubic through them."""
    identity = np.eye(nodes)
    slopes = np.gradient(identity, axis=0) if nodes > 2 else np.array([[-1.0, 1.0], [-1.0, 1.0]])
    t = np.linspace(0, nodes - 1, n)
    k = np.minimum(t.astype(np.intp), nodes - 2)
    f = (t - k)[:, None]
    square, cube = f * f, f * f * f
    ends = (2 * cube - 3 * square + 1) * identity[k] + (3 * square - 2 * cube) * identity[k + 1]
    return ends + (cube - 2 * square + f) * slopes[k] + (cube - square) * slopes[k + 1]


def curve(nodes: list[tuple[float, float]], weight: float = 1.0, n: int = 160) -> Stroke:
    """A smooth line of `n` points through `nodes` (u, y)."""
    return product(_spline(len(nodes), n), nodes), weight


def ink(size: int, strokes: list[Stroke], width: float) -> Map:
    """Lines of `width` (standard deviation) on a map of shape (size, size), about 1 at the centre.

    Lines thinner than a pixel are drawn one pixel wide.
    """
    sigma = max(width * size, 0.55)
    points = np.concatenate([line for line, _ in strokes])
    weights = np.concatenate([np.full(len(line), weight) for line, weight in strokes])
    steps = hypot(*np.diff(points, axis=0, append=points[-1:]).T) * size
    # The step from the end of one line to the start of the next draws nothing.
    steps[np.cumsum([len(line) for line, _ in strokes]) - 1] = 0
    column = np.floor((points[:, 0] + 0.5) * size).astype(np.intp)
    row = np.floor(points[:, 1] * size).astype(np.intp)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    whole = np.zeros((size, size), np.float32)
    if not inside.any():
        return whole
    column, row, mass = column[inside], row[inside], (steps * weights)[inside]
    margin = int(3 * sigma) + 1
    top, left = max(row.min() - margin, 0), max(column.min() - margin, 0)
    high = min(row.max() + margin + 1, size) - top
    wide = min(column.max() + margin + 1, size) - left
    flat = np.bincount((row - top) * wide + column - left, mass, high * wide)
    window = gaussian_filter(flat.reshape(high, wide).astype(np.float32), sigma, truncate=2.5)
    scale = np.float32(np.sqrt(2 * np.pi) * sigma)
    whole[top : top + high, left : left + wide] = window * scale
    return whole
