# SPDX-License-Identifier: Apache-2.0
"""Below the waist: what is compiled for the accelerator and how it is counted (numpy only)."""
