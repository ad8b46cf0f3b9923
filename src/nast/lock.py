"""One process at a time in an output folder."""

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nast.errors import UsageError

try:
    import fcntl
except ImportError:  # A system without POSIX locks.
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
"""The file that is locked. The system frees it when the process ends, however it ends."""
_UNABLE = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EBADF)
"""Errors of file systems that know no locks; they are used without."""


class Lock(NamedTuple):
    """A lock that is held: its file and the open descriptor of it."""

    path: Path
    descriptor: int

    def holds(self) -> bool:
        """Whether the locked file still lies in its folder, which nobody removed meanwhile."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.descriptor))
        except OSError:
            return False


@contextmanager
def locked(folder: Path) -> Iterator[Lock]:
    """Hold the lock of a folder for the length of a block.

    Raises:
        UsageError: another process holds it; the message names the process and its machine.
    """
    lock = _take(folder)
    try:
        os.ftruncate(lock.descriptor, 0)
        os.pwrite(lock.descriptor, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield lock
    finally:
        # Before the lock is free: whoever waits for it then sees that the file is gone.
        try:
            if lock.holds():
                lock.path.unlink()
        finally:
            os.close(lock.descriptor)


def _take(folder: Path) -> Lock:
    while True:
        lock = Lock(folder / LOCK, os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666))
        try:
            if fcntl:
                fcntl.flock(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(lock.descriptor, 200, 0).decode(errors="replace") or "another process"
            if error.errno not in _UNABLE:
                os.close(lock.descriptor)
                raise UsageError(
                    f"{folder}: {who} is working in it; wait for it, or choose another folder"
                ) from None
        if lock.holds():
            return lock
        os.close(lock.descriptor)
