# SPDX-License-Identifier: Apache-2.0
"""The program psf as a process of a test."""

import signal
import sys

PSF = [sys.executable, "-m", "golden"]


def heard() -> None:
    """preexec_fn: what a shell puts into the background is deaf to SIGINT, and so would this be."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
