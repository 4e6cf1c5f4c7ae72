# SPDX-License-Identifier: Apache-2.0
"""The host's end of the UART: commands of soc/firmware/main.c, and their answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import serial

from golden.contract.errors import RunFailed, UserError
from golden.hardware.check import from_capabilities
from golden.hardware.configuration import Hardware

BAUD = 1_000_000  # the firmware keeps up; 30 and 40 MHz divide to it without a rest
_ERROR = "error: "
_HELLO = re.compile(r"psf-soc 1: (.*), (\d+) MHz, capabilities((?: [0-9a-f]{8}){7})")
_PACKAGE = re.compile(r"package ([0-9a-f]{8}) images (\d+) classes (\d+) image_bytes (\d+)")
_ANSWER = re.compile(r"class (\d+) cycles (\d+) logits((?: -?\d+)+)(?: as expected| WRONG)?")


class FirmwareError(RunFailed):
    """The firmware answered with an error; its words, without `error: `."""


@dataclass(frozen=True)
class Answer:
    """What an image gave. cycles: of the accelerator, from start to interrupt."""

    label: int
    logits: tuple[int, ...]
    cycles: int


class Console:
    """A system on the serial port ``port``, a device or a pseudo-terminal.

    timeout: seconds without a byte before one gives up.  echo: called with every line that the
    firmware writes.

    Raises:
        UserError: there is no such port, or no firmware of ours answers on it.
    """

    def __init__(
        self, port: str, timeout: float = 10.0, echo: Callable[[str], object] | None = None
    ) -> None:
        self._timeout, self._echo, self._name = timeout, echo or (lambda _: None), port
        try:
            self._port = serial.Serial(port, BAUD, timeout=timeout)
        except serial.SerialException as error:
            raise UserError(
                f"--port {port} cannot be opened ({error.strerror or error}); name the serial port "
                "of the board, such as /dev/ttyUSB0"
            ) from None
        try:
            self.hardware = self._hello()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()

    def _line(self) -> str:
        raw = self._port.readline()
        if not raw.endswith(b"\n"):
            raise UserError(
                f"nothing answers on {self._name} within {self._timeout:g} s; is the bitstream "
                "loaded, and the port that of the board?"
            )
        line = raw.decode("ascii", "replace").rstrip()
        self._echo(line)
        return line

    def _hello(self) -> Hardware:
        """The accelerator that is there. Ends a command that somebody else began."""
        self._port.write(b"\nhello\n")
        found = None
        while (line := self._line()) != "ok":
            found = _HELLO.fullmatch(line) or found
        if found is None:
            raise UserError(f"what answers on {self._name} is not the firmware of this project")
        if found[1] != "well":
            raise UserError(f"the firmware on {self._name} says: {found[1]}")
        self.megahertz = int(found[2])
        return from_capabilities([int(word, 16) for word in found[3].split()])

    def command(self, line: str, data: bytes = b"") -> list[str]:
        """Send a command, and what it takes; the lines of its answer.

        Raises:
            FirmwareError: it answers with an error.
        """
        self._port.write(line.encode() + b"\n" + data)
        lines = []
        while (answer := self._line()) != "ok":
            if answer.startswith(_ERROR):
                raise FirmwareError(answer.removeprefix(_ERROR))
            lines.append(answer)
        return lines

    def _one(self, form: re.Pattern, line: str, data: bytes = b"") -> re.Match:
        lines = self.command(line, data)
        found = form.fullmatch(lines[0]) if len(lines) == 1 else None
        if found is None:
            raise RunFailed(f"the firmware's answer to '{line}' is not understood: {lines}")
        return found

    def check(self) -> tuple[str, int]:
        """Load the network of the package in memory; the package's checksum and its images.

        Raises:
            FirmwareError: there is no package, or a damaged one.
        """
        found = self._one(_PACKAGE, "check")
        return found[1], int(found[2])

    def put(self, package: bytes) -> None:
        """Send a package and load its network."""
        self._one(_PACKAGE, f"put {len(package)}", package)

    def _answer(self, line: str, data: bytes = b"") -> Answer:
        found = self._one(_ANSWER, line, data)
        return Answer(int(found[1]), tuple(int(x) for x in found[3].split()), int(found[2]))

    def run(self, image: int, quiet: bool = False) -> Answer:
        """Classify an image of the package; quiet: without the processor's work in memory."""
        return self._answer(f"{'quiet' if quiet else 'run'} {image}")

    def image(self, packed: bytes) -> Answer:
        """Classify a packed image."""
        return self._answer(f"image {len(packed)}", packed)
