"""Progress of long commands: a line per stage, with the time left while steps are counted."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from nast.errors import visible

LIVE = False
"""Whether `counted` shows how far it is. The command line switches it on for a terminal; a library
is silent."""
EVERY = 0.5
"""Seconds between two looks of a terminal."""
Step = TypeVar("Step")


def counted(steps: Sequence[Step], what: str, unit: int = 1) -> Iterator[Step]:
    """The same steps; a terminal sees how many are done, and about how long the rest takes.

    Args:
        steps: of a loop that may take long.
        what: they are, for people; never a text or an identifier of the data.
        unit: how many things one step stands for.
    """
    begun = shown = time.monotonic()
    for done, step in enumerate(steps):
        now = time.monotonic()
        if LIVE and done and now - shown > EVERY:
            shown = now
            left = (now - begun) / done * (len(steps) - done)
            said = f"{what}: {done * unit:,} of {len(steps) * unit:,}, about {left:.0f} s left"
            print(f"        {visible(said):<70}"[:79], end="\r", file=sys.stderr, flush=True)
        yield step
    if shown > begun:
        print(" " * 79, end="\r", file=sys.stderr, flush=True)


def note(what: str) -> None:
    """Say what goes on now, to a terminal; the next line takes its place, and "" takes it away.

    Args:
        what: goes on, for people; never a text or an identifier of the data.
    """
    if LIVE:
        said = f"        {visible(what)}" if what else ""
        print(f"{said:<79}"[:79], end="\r", file=sys.stderr, flush=True)


class Progress:
    """Numbered stages on standard error; a terminal also gets a moving count."""

    def __init__(self, stages: int, *, quiet: bool = False) -> None:
        """Start the clock; a quiet one says nothing, for another process does."""
        self.stages, self.number, self.quiet = stages, 0, quiet
        self.start = self.begun = time.monotonic()
        self.total = self.count = self.earlier = 0
        self.shown = 0.0
        self.live = sys.stderr.isatty()

    def step(self, title: str, total: int = 0) -> None:
        """Begin the next stage; `total` counts its steps, where they are known."""
        self.number += 1
        self.begun, self.total = time.monotonic(), total
        self.count = self.earlier = 0
        self._say(f"[{self.number}/{self.stages}] {self._clock()}  {title}")

    def expect(self, total: int) -> None:
        """So many steps has this stage, as is known now."""
        self.total = total

    def resume(self, done: int) -> None:
        """Steps that an earlier call did: they count, and their time does not."""
        self.count = self.earlier = done

    def advance(self, *_: object) -> None:
        """One step of the stage is done."""
        self.count += 1
        now = time.monotonic()
        # A pipe gets a line every 15 seconds, a terminal a moving one.
        # The first steps carry set-up and would make the estimate far too long.
        own = self.count - self.earlier
        if self.quiet:
            return
        if self.total and own > 5 and now - self.shown > (0.5 if self.live else 15):
            self.shown = now
            left = (now - self.begun) / own * (self.total - self.count)
            text = f"        {self.count}/{self.total} steps, about {left:.0f} s left"
            print(text, end="\r" if self.live else "\n", file=sys.stderr, flush=True)

    def done(self) -> None:
        """All stages are done."""
        self._say(f"done in {time.monotonic() - self.start:.0f} s")

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self.start)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _say(self, text: str) -> None:
        if self.quiet:
            return
        print(text + (" " * 30 if self.live else ""), file=sys.stderr, flush=True)
