"""How a command ends where it cannot go on: interrupted, its reader gone, the machine refusing.

Only the standard library is imported here, so that all of this holds while the rest is loaded.
"""

import errno
import io
import os
import re
import signal
import sys
import warnings
from typing import TextIO

INTERRUPTED = "interrupted; the same command goes on from here"
INSIST = 0.5
"""Seconds after which an interruption that was dropped is raised again."""
_WRITING = "free some, then run the same command again; it goes on from there"
MENDS = {
    errno.ENOSPC: _WRITING,
    errno.EDQUOT: _WRITING,
    errno.EFBIG: _WRITING,
    errno.EROFS: "choose an output folder that can be written",
    errno.EACCES: "ask for the right to it, or choose another place",
    errno.EPERM: "ask for the right to it, or choose another place",
    errno.ENOTDIR: "a folder is needed where a file lies; choose another place",
    errno.EEXIST: "something else lies there, perhaps a link to nowhere; remove it, or choose "
    "another place",
    errno.EISDIR: "a file is needed where a folder lies",
    errno.ENOENT: "look whether it was moved or removed, or is a link to nowhere",
    errno.ELOOP: "links lead round in a circle; choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk or the network drive fails; run the same command again",
}
"""What the user can do about an error of the system."""
_RUST = re.compile(r"\(?(?:os error|code:) (\d+)")
"""How polars and safetensors, which are written in Rust, quote an error of the system."""


class _Outlasting(io.FileIO):
    """A stream whose reader may go: what is printed after that is lost, and the work goes on."""

    lost = False

    def write(self, data: object) -> int:
        """Write, or say that all was written when nobody reads any more."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            # What could not be written is tried again when the process ends: say it once.
            said, self.lost = self.lost, True
            if said or isinstance(error, BrokenPipeError):
                return len(memoryview(data))  # type: ignore[arg-type]
            error.filename = "what it prints"
            raise


def prepare() -> None:
    """Make this process end in one line: for signals, and for readers that go (`| head`)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _insist)
    sys.unraisablehook = _unraisable
    warnings.showwarning = _warn
    sys.stdout, sys.stderr = _outlasting(sys.stdout), _outlasting(sys.stderr)


def ignore_signals() -> None:
    """A second signal must not disturb the end of the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(number: int, frame: object) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, INSIST, INSIST)
    raise KeyboardInterrupt


def _insist(number: int, frame: object) -> None:
    """Raise again where a library's C code, or a finaliser, has dropped the interruption.

    While it is being handled, a file closed or a process waited for, it is not raised twice.
    """
    if not interrupted(sys.exc_info()[1]):
        raise KeyboardInterrupt


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    if not issubclass(what.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(what)


def _warn(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
    """A warning as one line, without the line of code that gave it."""
    print(f"nast: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _outlasting(stream: TextIO) -> TextIO:
    try:
        raw = _Outlasting(stream.fileno(), "w", closefd=False)
    except (AttributeError, OSError):
        # Closed from the start, or no file: a notebook, a test.
        return stream
    # Of standard error that cannot be written nothing can be said.
    raw.lost = stream is sys.stderr
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        # Names of files need not be text, and a terminal need not have every letter.
        errors="backslashreplace",
        line_buffering=bool(stream.line_buffering) or stream is sys.stderr,
    )


def interrupted(error: BaseException | None) -> bool:
    """Whether an error is an interruption, or what a library made of one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def refused(error: Exception) -> str | None:
    """One line for an error of the system: no room, no right, no such file; None for others."""
    number = error.errno if isinstance(error, OSError) else None
    name = getattr(error, "filename", None)
    if type(error).__module__.partition(".")[0] in ("polars", "safetensors"):
        quoted = _RUST.search(str(error))
        number = int(quoted[1]) if quoted else None
    if number is None:
        return None
    place = f"{os.fsdecode(name)}: " if isinstance(name, str | bytes) else ""
    mend = MENDS.get(number)
    return place + os.strerror(number) + (f"; {mend}" if mend else "")
