# SPDX-License-Identifier: Apache-2.0
"""Run a tool with a log, a time and one line of progress."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from golden.contract import paths
from golden.contract.errors import UserError

BUILD = paths.BUILD / "synth"


class Step:
    """A tool that runs, perhaps while others do."""

    def __init__(self, name: str, command: Sequence[str | Path], cwd: Path, log: str) -> None:
        self.name, self.log, self.started = name, cwd / log, time.monotonic()
        print(f"synth: {name} ...", flush=True)
        with self.log.open("w") as out:
            self._process = subprocess.Popen(
                [*map(str, command)],
                cwd=cwd,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def wait(self, limit_s: float = 3600) -> str:
        """Wait for the end; the log.

        Raises:
            UserError: with the last lines of the log when the tool failed or took too long.
        """
        try:
            status: int | str = self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.stop()
            status = f"stopped after {limit_s:.0f} s"
        self.seconds = time.monotonic() - self.started
        text = self.log.read_text(errors="replace")
        if status != 0:
            tail = "\n".join(text.splitlines()[-12:])
            raise UserError(f"{self.name} failed ({status}); the end of {self.log}:\n{tail}")
        print(f"synth: {self.name}: {self.seconds:.0f} s", flush=True)
        return text

    def stop(self) -> None:
        """End the tool if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def run(name: str, command: Sequence[str | Path], cwd: Path, log: str) -> str:
    """Run a tool to its end; what it printed."""
    return Step(name, command, cwd, log).wait()
