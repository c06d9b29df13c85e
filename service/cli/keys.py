"""Keys typed while a command runs: single ones on a terminal, lines anywhere else."""

import asyncio
import os
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def typed(on_text: Callable[[str], None]) -> Iterator[None]:
    """Call `on_text` in the event loop with what is typed, while the block runs."""
    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Not by `sys.stdin`: a thread that waits in it keeps the interpreter from ending.
        with suppress(OSError, RuntimeError):
            while data := os.read(fd, 1024):
                loop.call_soon_threadsafe(on_text, data.decode("utf-8", "replace"))

    with _single_keys(fd):
        threading.Thread(target=read, name="keys", daemon=True).start()
        yield


@contextmanager
def _single_keys(fd: int) -> Iterator[None]:
    """Have a terminal give each key at once; anything else gives lines or blocks."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
