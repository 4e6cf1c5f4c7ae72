# SPDX-License-Identifier: Apache-2.0
"""`psf report`: every figure of the golden side on one self-contained page.

A section is a module with `TITLE` and `section(inputs) -> Section`; it shows what its inputs hold
and names what is absent with the command that makes it. `command` runs them all; `page` makes HTML
of them, `zoo` and `measure` run the networks.
"""
