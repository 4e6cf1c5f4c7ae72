# SPDX-License-Identifier: Apache-2.0
"""What leaves the program: a status, and at most one sentence on stderr, whatever happened inside.

Status 1: a simulation failed. 2: a mistake of the user, or a system that does not let him (a full
disk, a read-only folder). 128 and the signal's number: stopped from outside.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

import typer

from golden.contract.errors import RunFailed, UserError

OURS = ("golden", "tb", "synth", "formal", "scripts", "soc")
# What typer raises for a wrong command line; it has no public name there.
(_USAGE,) = (c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Signals:
    """While it is entered, SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, so that whoever
    holds a temporary file or a process lets go of it. number: of the signal that came, or None."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    PAUSE_S = 2.0  # for cleaning up, in which an impatient second signal is not heard

    def __init__(self) -> None:
        self.number: int | None = None
        self._at = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in self.NUMBERS:
                if signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
                    self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.number is not None and time.monotonic() - self._at < self.PAUSE_S:
            return
        self.number, self._at = number, time.monotonic()
        raise KeyboardInterrupt


def explain(error: BaseException) -> tuple[int, str] | None:
    """Status and sentence of an exception; None for a fault of the program itself."""
    if isinstance(error, UserError):
        return 2, str(error)
    if isinstance(error, RunFailed):
        return 1, str(error)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        return None if package in OURS else (2, _package(package))
    if isinstance(error, _USAGE):
        shown = type(error).__name__ == "NoArgsIsHelpError"  # then the help is the message
        return 2, "" if shown else _sentence(error)
    if isinstance(error, typer.Abort):
        return 130, "stopped"
    if isinstance(error, OSError):
        return 2, _system(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return 2, "the memory of this machine is not enough: take fewer images or a smaller network"
    return None


def _sentence(error: Exception) -> str:
    """What a wrong command line did wrong; of a number, its value and its range, too."""
    option, told = getattr(error, "param", None), getattr(error.__cause__, "errors", None)
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if told is None or low is None:
        return " ".join(error.format_message().split())
    given = told()[0]["input"]
    kind = "whole number" if option.type_descriptor.annotation is int else "number"
    wanted = f"at least {low}" if high is None else f"from {low} to {high}"
    return f"{option.opts[-1]} is {given}, it must be a {kind} {wanted}"


def _package(name: str) -> str:
    return (
        f"this needs the Python package {name}, which is not installed; in a checkout "
        "`make setup` installs it, elsewhere `pip install 'prunespikformer[all]'`"
    )


def _system(error: OSError) -> str:
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or str(error) or type(error).__name__
    said = f"{where}: {what}" if where else what
    if error.errno in _FULL:
        return f"{said}; make room there, or write to another place"
    if error.errno in _CLOSED:
        return f"{said}; change the permissions, or name another place"
    return f"{said}; look at what is there, or name another place"


def _one_line(text: str) -> str:
    """The text with its line ends as spaces, and other characters that no terminal shows escaped:
    a name that a user gave may hold any."""
    joined = " ".join(text.split("\n"))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)


def leave(status: int, message: str = "") -> NoReturn:
    """Print the sentence and exit; what is left of the output is written first."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try again at its end, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE and not status:
            status, message = 2, f"the output cannot be written: {_system(error)}"
    if message:
        print(f"error: {_one_line(message) if status == 2 else message}", file=sys.stderr)
    sys.exit(status)
