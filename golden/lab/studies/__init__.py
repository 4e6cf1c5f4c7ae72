# SPDX-License-Identifier: Apache-2.0
"""Measurements on trained networks that answer one question each."""
