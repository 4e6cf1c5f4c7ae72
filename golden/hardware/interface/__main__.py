# SPDX-License-Identifier: Apache-2.0
"""Write what is generated from the table; ``--check``: only say what is stale, exit status 1."""

import argparse
import sys

from golden.contract.command import run
from golden.hardware.interface.generate import stale, write


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m golden.hardware.interface",
        description="Generate what hardware and software share from golden/hardware/interface/"
        "table.py: rtl/psf_pkg.sv and blocks of Python, SystemRDL and the reference page.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, name stale files")
    if parser.parse_args().check:
        names = stale()
        for name in names:
            print(f"{name}: stale; run `python -m golden.hardware.interface`")
        sys.exit(1 if names else 0)
    for name in write():
        print(f"wrote {name}")


if __name__ == "__main__":
    run(main)
