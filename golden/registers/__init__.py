# SPDX-License-Identifier: Apache-2.0
"""The register map as Python sees it, read from ``rtl/bus/psf_regs.rdl``."""

from golden.registers.register_map import RDL, Access, Field, Register, RegisterMap, load

__all__ = ["RDL", "Access", "Field", "Register", "RegisterMap", "load"]
