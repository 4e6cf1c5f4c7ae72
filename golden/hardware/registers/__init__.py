# SPDX-License-Identifier: Apache-2.0
"""The register map as Python sees it, read from ``golden/hardware/registers/psf_regs.rdl``."""

from golden.hardware.registers.register_map import RDL, Access, Field, Register, RegisterMap, load

__all__ = ["RDL", "Access", "Field", "Register", "RegisterMap", "load"]
