# SPDX-License-Identifier: Apache-2.0
"""The arithmetic contract in plain numpy integers; imports neither torch nor cocotb."""
