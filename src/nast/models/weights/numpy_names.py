"""Names of numpy and of plain values in files of `torch.save`, let through without a call.

Training scripts save a best accuracy as a numpy scalar, a state of a random generator as an array,
paths and times among their settings.
No weight depends on them. numpy's own functions take whatever a file gives them, flags of a dtype
and raw memory included, so each name stands for a box here that keeps nothing.
"""

from typing import Any

import numpy

_FUNCTIONS = (
    *(
        f"numpy.{core}.multiarray.{name}"
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    ),
    *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    "numpy.dtype",
    "numpy.ndarray",
)
_TYPES = [numpy.dtype(code) for code in numpy.typecodes["All"]]
_VALUES = (
    *(
        f"pathlib{part}.{name}"
        for part in ("", "._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    ),
    *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
    "uuid.UUID",
    "decimal.Decimal",
)


class Box:
    """Stands for a value that is no weight; takes any arguments and any state, and keeps none."""

    def __init__(self, *given: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


BOXED: list[Any] = [
    (Box, name)
    for name in (
        *_FUNCTIONS,
        *_VALUES,
        # numpy 1 calls some of its scalars bool_ and str_, numpy 2 bool and str.
        *(f"numpy.{t.type.__name__.removesuffix('_')}{end}" for t in _TYPES for end in ("", "_")),
        *(f"numpy.dtypes.{type(t).__name__}" for t in _TYPES),
    )
]
"""For `torch.serialization.safe_globals`: what is called in place of each name."""
