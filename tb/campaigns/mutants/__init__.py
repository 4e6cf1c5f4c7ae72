# SPDX-License-Identifier: Apache-2.0
"""RTL mutants: one small change of the RTL at a time, which a test or a proof must notice.

``simulation.toml`` lists those that a simulation has to notice (``run``), ``proofs.toml`` those
that a proof has to refute (``proofs``); ``apply`` makes the change.
"""
