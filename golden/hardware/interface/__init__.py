# SPDX-License-Identifier: Apache-2.0
"""What hardware and software share, written once (``table.py``), and what is generated from it.

``python -m golden.hardware.interface`` writes the generated files and blocks, with ``--check`` it
says which of them are stale.
"""
