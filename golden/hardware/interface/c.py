# SPDX-License-Identifier: Apache-2.0
"""``sw/psf_causes.h``: what the register description's C header leaves out, the error causes."""

from golden.hardware.interface import table


def causes() -> str:
    """An enumeration, and a list from which a program makes its texts."""
    values = "".join(f"  PSF_CAUSE_{c.name} = {c.value},\n" for c in table.CAUSES.codes)
    rows = " \\\n".join(f'  X({c.name}, {c.value}, "{c.meaning}")' for c in table.CAUSES.codes)
    return (
        "/* SPDX-License-Identifier: Apache-2.0 */\n"
        "/* Written by `python -m golden.hardware.interface`: the codes of ERROR_CAUSE. */\n"
        "#ifndef PSF_CAUSES_H\n#define PSF_CAUSES_H\n\n"
        f"enum psf_cause {{\n{values.rstrip()[:-1]}\n}};\n\n"
        f"#define PSF_CAUSES(X) \\\n{rows}\n\n#endif\n"
    )
