# SPDX-License-Identifier: Apache-2.0
"""Trained checkpoints of the authors' repositories -> float checkpoints of this project."""
