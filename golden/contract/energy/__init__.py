# SPDX-License-Identifier: Apache-2.0
"""Energy: of a run on the RTL from its events, of peers, and as the Spikingformer paper counts."""
