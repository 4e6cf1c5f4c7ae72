# SPDX-License-Identifier: Apache-2.0
"""What a program means: a byte-level emulator, and what the RTL has to show."""
