# SPDX-License-Identifier: Apache-2.0
"""Cycle models of published accelerators, on the same spike matrices as this project's hardware.

``golden.hardware.peers.product`` makes the workload, ``golden.hardware.peers.registry`` has the
models by name.
"""
