"""Ctrl-C where Python cannot raise it."""

import gc
import signal
import time

import pytest

from synthema_core.cli import main


@pytest.fixture
def interruptible():
    """As in the foreground: a shell starts jobs of the background with SIGINT ignored."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


def test_an_interrupt_lost_in_a_callback_comes_again(interruptible, monkeypatch, capsys):
    def busy(_):
        def dropped(*_):
            gc.callbacks.remove(dropped)
            raise KeyboardInterrupt

        gc.callbacks.append(dropped)
        gc.collect()  # Python cannot raise here, and goes on
        for _ in range(300):
            time.sleep(0.1)

    monkeypatch.setattr("synthema_core.cli.commands.demo", busy)
    start = time.perf_counter()
    assert main(["demo"]) == 130
    assert time.perf_counter() - start < 10
    assert capsys.readouterr().err == "\nsynthema: interrupted; no half-written file was left.\n"
