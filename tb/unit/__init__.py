# SPDX-License-Identifier: Apache-2.0
"""A bench per module, in the folder tree of rtl/."""
