# SPDX-License-Identifier: Apache-2.0
"""`python -m golden` is the command `psf`."""

from golden.cli.main import main

main()
