"""The types of options whose ranges are checked before a command begins.

`uses: Count = 4` refuses `--uses 0` in one line. The ranges are those that the library checks
where it is called from Python.
"""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token

from nast.ranges import COUNT, FRACTION, NOT_NEGATIVE, PATIENTS, POSITIVE, SEED, SHARE


def whole(type_: type, tokens: Sequence[Token]) -> int:
    """A whole number; the parser would round 1.7 without a word.

    Raises:
        ValueError: it is none.
    """
    try:
        return int(tokens[0].value.removesuffix(".0"))
    except ValueError:
        raise ValueError("It must be a whole number, for example 10.") from None


Whole = Annotated[int, Parameter(converter=whole)]
"""A whole number, whose range is checked later."""
Count = Annotated[int, Parameter(converter=whole, validator=COUNT)]
"""A whole number of 1 or more."""
NotNegative = Annotated[int, Parameter(converter=whole, validator=NOT_NEGATIVE)]
"""A whole number of 0 or more."""
Patients = Annotated[int, Parameter(converter=whole, validator=PATIENTS)]
"""How many phantom patients."""
Seed = Annotated[int, Parameter(converter=whole, validator=SEED)]
"""A whole number that every generator takes: 0 to 2**63 - 1."""
Fraction = Annotated[float, Parameter(validator=FRACTION)]
"""From 0 to below 1."""
Share = Annotated[float, Parameter(validator=SHARE)]
"""From 0 to 1."""
Positive = Annotated[float, Parameter(validator=POSITIVE)]
"""Above 0, and finite."""
NotNegativeNumber = Annotated[float, Parameter(validator=NOT_NEGATIVE)]
"""0 or above, and finite."""
