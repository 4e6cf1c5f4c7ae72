# SPDX-License-Identifier: Apache-2.0
"""HTML pages, C header and Python access of the register map, made by PeakRDL from the RDL."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from golden.contract import outputs
from golden.contract.errors import UserError
from golden.hardware.configuration import Hardware
from golden.hardware.registers.register_map import RDL

TOP = RDL.stem


def generate(hardware: Hardware, out: Path) -> list[Path]:
    """Write ``out``/html, ``out``/psf_regs.h and ``out``/python; reset values are ``hardware``'s.
    UserError if ``out`` holds anything that psf did not write.

    The Python package is self-contained (it brings its library)::

        sys.path.insert(0, "build/registers/python")
        from psf_regs.lib import NormalCallbackSet
        from psf_regs.reg_model.psf_regs import psf_regs_cls

        def read(addr, width, accesswidth): ...
        def write(addr, width, accesswidth, data): ...

        regs = psf_regs_cls(callbacks=NormalCallbackSet(read_callback=read, write_callback=write))
        regs.IRQ_ENABLE.write_fields(job=1, error=1)
        regs.CTRL.start.write(1)
        cause = regs.ERROR_CAUSE.cause.read()   # an enumeration
        rows = regs.COUNTERS[3].ROWS.count.read()

    Returns what was written: the first page, the header, the package.
    """
    for package in ("peakrdl", "peakrdl_html", "peakrdl_cheader", "peakrdl_python"):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"{package} is not installed; `make setup` installs it")
    html, header, python = "html", f"{TOP}.h", "python"
    with outputs.writing(out) as part:
        title = f"--title=PruneSpikformer registers, {hardware.name}"
        peakrdl("html", hardware, part / html, title)
        peakrdl("c-header", hardware, part / header, "--std=gnu11", "--type-style=hier")
        # SHA256: the names in the package stay the same from one run to the next.
        options = ("--skip_test_case_generation", "--hashing_mode=SHA256")
        peakrdl("python", hardware, part / python, *options)
    return [out / html / "index.html", out / header, out / python / TOP]


def peakrdl(exporter: str, hardware: Hardware, out: Path, *options: str) -> None:
    """Run an exporter of PeakRDL on the description with the reset values of ``hardware``."""
    parameters = [f"-P{name}={value}" for name, value in hardware.sv_parameters().items()]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "peakrdl",
            exporter,
            RDL,
            "-o",
            out,
            f"--rename={TOP}",
            *parameters,
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it does not say why"]
        raise UserError(f"peakrdl {exporter} cannot write {out}: {said[-1]}")
