# SPDX-License-Identifier: Apache-2.0
"""``sw/psf_regs.h``, the registers for the driver, made by PeakRDL from their description;
``python -m golden.hardware.registers.driver_header`` writes it anew."""

import tempfile
from pathlib import Path

from golden.contract.files import write_text
from golden.contract.paths import ROOT
from golden.hardware.configuration import Hardware
from golden.hardware.registers.generate import peakrdl

HEADER = ROOT / "sw/psf_regs.h"


def text() -> str:
    """What the file must hold. Offsets and fields are those of every configuration; the reset
    values of CAP0 to CAP4 and CAP6, which are not, are those of 4x16."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / HEADER.name
        peakrdl("c-header", Hardware.named("4x16"), out, "--std=gnu99", "--type-style=hier")
        return "/* SPDX-License-Identifier: Apache-2.0 */\n" + out.read_text()


if __name__ == "__main__":
    write_text(HEADER, text())
    print(HEADER)
