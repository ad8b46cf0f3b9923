"""Work shared out to processes that end with the one that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def spread_out(
    function: Callable[[_In], _Out], items: Iterable[_In], workers: int, chunk: int
) -> list[_Out]:
    """The results of a function, in order, worked out by some processes.

    However this process ends, killed too, those processes end with it.

    Args:
        function: can be pickled.
        items: its arguments.
        workers: number of processes.
        chunk: items that are handed over at a time.
    """
    with ProcessPoolExecutor(workers, initializer=_begin) as pool:
        try:
            with _interruptions_held():
                results = pool.map(function, items, chunksize=chunk)
            return list(results)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Processes begun here never see Ctrl-C, which a terminal sends to all of them at once."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # Nobody reads the results any more, and an orderly end would wait for the pipe.
        os._exit(1)
