# SPDX-License-Identifier: Apache-2.0
"""A system on a chip around the accelerator, in LiteX: simulated, and for a board."""
