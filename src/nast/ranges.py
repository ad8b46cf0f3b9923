"""The ranges of numbers that a caller may give, in one place for Python and the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter, Token

from nast.errors import UsageError


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`.

    Args:
        low: the least number that is taken.
        high: the largest one; None where there is no bound.
        example: a number that a user could write.
        open_low: leave `low` itself out.
        open_high: leave `high` itself out.
    """

    low: float
    high: float | None
    example: float
    open_low: bool = False
    open_high: bool = False

    def __str__(self) -> str:
        """Say it in words, for an error."""
        words = f"above {self.low}" if self.open_low else f"at least {self.low}"
        if self.high is not None:
            words += f" and {'below' if self.open_high else 'at most'} {self.high}"
        if self.high is not None and not (self.open_low or self.open_high):
            words = f"from {self.low} to {self.high}"
        return f"{words}, for example {self.example}"

    def holds(self, number: float) -> bool:
        """Whether the number lies in the range; nan lies in none, infinity only at a bound."""
        low = number > self.low if self.open_low else number >= self.low
        if self.high is None:
            return low and number != float("inf")
        return low and (number < self.high if self.open_high else number <= self.high)

    def check(self, name: str, number: float | None) -> None:
        """Refuse a number outside the range; None stands for an option that was not given.

        Args:
            name: the argument, as the caller writes it.
            number: its value.

        Raises:
            UsageError: it lies outside.
        """
        if number is not None and not self.holds(number):
            raise UsageError(f"{name} is {number}; it must be {self}")

    def __call__(self, type_: Any, value: Any) -> None:
        """As a validator of cyclopts, which adds the option's name to the ValueError."""
        for number in value if isinstance(value, list | tuple) else [value]:
            if number is not None and not self.holds(number):
                raise ValueError(f"It must be {self}.")


COUNT = Range(1, None, 10)
NOT_NEGATIVE = Range(0, None, 10)
SEED = Range(0, 2**63 - 1, 1)
FRACTION = Range(0, 1, 0.5, open_high=True)
SHARE = Range(0, 1, 0.5)
POSITIVE = Range(0, None, 0.5, open_low=True)
PATIENTS = Range(1, 300_000, 100)
"""Phantom patients; beyond, one seed would draw the ids of another."""


def whole(type_: type, tokens: Sequence[Token]) -> int:
    """A whole number of the command line; the parser would round 1.7 without a word.

    Raises:
        ValueError: it is none.
    """
    try:
        return int(tokens[0].value.removesuffix(".0"))
    except ValueError:
        raise ValueError("It must be a whole number, for example 10.") from None


Whole = Annotated[int, Parameter(converter=whole)]
"""A whole number, whose range is checked later."""
