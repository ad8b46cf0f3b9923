"""The command line's way in and out.

Exit codes: 0 done, 1 the work failed, 2 the call was wrong.
"""

import sys

from nast import progress
from nast.commands.ending import INTERRUPTED, ignore_signals, interrupted, prepare, refused
from nast.errors import visible


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0, 1 or 2."""
    code = 1
    try:
        prepare()
        progress.LIVE = sys.stderr.isatty()
        code = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        ignore_signals()
        print(f"nast: {INTERRUPTED}", file=sys.stderr)
    ignore_signals()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code and never shows a traceback for the user's mistake."""
    try:
        # Here, so that an interruption while the parser is loaded is caught too.
        from nast.commands.app import call

        call(arguments)
        # A full disk behind standard output is seen now, and not after the exit code.
        print(end="", flush=True)
    except KeyboardInterrupt as error:
        code, line = _said(error)
    except Exception as error:
        code, line = _said(error)
        if not line:
            raise
    else:
        return 0
    # What a file or an argument says must not drive the terminal.
    print(f"nast: {visible(line)}", file=sys.stderr)
    return code


def _said(error: BaseException) -> tuple[int, str]:
    """Exit code and line of an error; an empty line for one that is the package's own fault."""
    if interrupted(error):
        return 1, INTERRUPTED
    from cyclopts import CycloptsError

    from nast.errors import NastError, UsageError

    if isinstance(error, UsageError | CycloptsError):
        return 2, " ".join(str(error).split())
    if isinstance(error, NastError):
        return 1, str(error)
    assert isinstance(error, Exception)
    return 1, refused(error) or ""
