"""Names of numpy and of plain values in files of `torch.save`, let through without a call.

Training scripts save a best accuracy as a numpy scalar, a state of a random generator as an array,
paths and times among their settings.
No weight depends on them. numpy's own functions take whatever a file gives them, flags of a dtype
and raw memory included, so each name stands for a box here that keeps nothing.
"""

from typing import Any

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
_KINDS = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "longdouble",
    "complex64",
    "complex128",
    "clongdouble",
    "str",
    "bytes",
    "void",
    "datetime64",
    "timedelta64",
)
_CLASSES = (
    "Bool",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float16",
    "Float32",
    "Float64",
    "LongDouble",
    "Complex64",
    "Complex128",
    "Str",
    "Bytes",
    "Void",
    "DateTime64",
    "TimeDelta64",
)

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
        *(f"numpy.{kind}{end}" for kind in _KINDS for end in ("", "_")),
        *(f"numpy.dtypes.{name}DType" for name in _CLASSES),
    )
]
"""For `torch.serialization.safe_globals`: what is called in place of each name."""
