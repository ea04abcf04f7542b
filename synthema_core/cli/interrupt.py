"""Ctrl-C that is not lost."""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heard() -> Iterator[None]:
    """Deliver a Ctrl-C again where Python had to drop it.

    An exception in a callback from C code, such as the one JAX gives to the garbage collector, has
    nowhere to go: Python prints it and carries on. A KeyboardInterrupt that ends so is raised once
    more, a moment later, in the main thread; it is not printed.
    """
    before = sys.unraisablehook

    def again(lost: "sys.UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            before(lost)
            return
        timer = threading.Timer(0.1, _interrupt_main)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_main() -> None:
    if hasattr(signal, "pthread_kill"):  # a true signal also wakes a main thread that sleeps
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
