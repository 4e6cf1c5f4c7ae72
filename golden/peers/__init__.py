# SPDX-License-Identifier: Apache-2.0
"""Cycle models of published accelerators, on the same spike matrices as this project's hardware.

``golden.peers.product`` makes the workload, ``golden.peers.registry`` has the models by name.
"""
