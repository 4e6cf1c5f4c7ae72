# SPDX-License-Identifier: Apache-2.0
"""How a bench gets its simulator: sources, builds, runs."""
