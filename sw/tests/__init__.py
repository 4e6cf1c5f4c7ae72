# SPDX-License-Identifier: Apache-2.0
"""The driver against a register model and against the RTL."""
