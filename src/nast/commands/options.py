"""The types of options whose ranges are checked before a command begins.

`uses: Count = 4` refuses `--uses 0` in one line. The ranges are those that the library checks
where it is called from Python.
"""

from typing import Annotated

from cyclopts import Parameter

from nast.ranges import COUNT, FRACTION, NOT_NEGATIVE, PATIENTS, SEED, SHARE, whole

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
NotNegativeNumber = Annotated[float, Parameter(validator=NOT_NEGATIVE)]
"""0 or above, and finite."""
