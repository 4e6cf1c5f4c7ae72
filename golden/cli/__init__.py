# SPDX-License-Identifier: Apache-2.0
"""The command line: the only place that may import both sides of the contract, and tb/."""
