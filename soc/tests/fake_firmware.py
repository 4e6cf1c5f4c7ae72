# SPDX-License-Identifier: Apache-2.0
"""A pseudo-terminal on which a script answers instead of the firmware."""

import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def answering(answer: Callable[[str], str]) -> Iterator[str]:
    """``answer`` gets a line that the host wrote and gives what is written back; the port."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def serve() -> None:
        rest = b""
        while True:
            try:
                got = os.read(ours, 4096)
            except OSError:
                return
            *lines, rest = (rest + got).split(b"\n")
            if b"stop" in lines:
                return
            for line in lines:
                os.write(ours, answer(line.decode()).encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(theirs, b"\nstop\n")
        thread.join(10)
        os.close(theirs)
        os.close(ours)
