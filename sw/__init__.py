# SPDX-License-Identifier: Apache-2.0
"""The C driver and its tests."""
