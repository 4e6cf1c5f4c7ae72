# SPDX-License-Identifier: Apache-2.0
"""What the accelerator costs: ``python -m synth`` (``make synth``), see docs/log/synthesis.md.

``yosys`` elaborates and maps, ``ecp5`` places and routes, ``asic`` maps to a Liberty library,
``report`` writes ``build/reports/synth.json`` and the tables.
"""
