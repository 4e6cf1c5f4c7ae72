# SPDX-License-Identifier: Apache-2.0
"""Golden models of PruneSpikformer: integer contract, torch networks, pruning, compiler."""
