# SPDX-License-Identifier: Apache-2.0
"""RTL mutants: one small change of the RTL at a time, which a test or a proof must notice.

Random ones: ``sites`` finds what can be changed, ``schemata`` puts many changes into one copy of
the RTL, ``suite`` asks the tests, ``sampled`` runs the campaign; ``equivalent.toml`` lists those
that nothing can tell from the RTL.

Listed ones: ``simulation.toml`` has those that a simulation has to notice (``run``),
``proofs.toml`` those that a proof has to refute (``proofs``); ``apply`` makes the change.
"""
