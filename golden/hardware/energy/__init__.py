# SPDX-License-Identifier: Apache-2.0
"""Energy of the accelerator and of its peers, from counted events."""
