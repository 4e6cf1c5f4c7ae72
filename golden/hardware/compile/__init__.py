# SPDX-License-Identifier: Apache-2.0
"""The hardware compiler: a quantised network in, program and memory images out (numpy only)."""
