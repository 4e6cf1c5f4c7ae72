# SPDX-License-Identifier: Apache-2.0
"""The elaboration parameters of the toplevel that a bench drives: the one way in which they come.

``tb.run.runner.run`` hands on what it was given; ``PARAMETERS["Depth"]`` in a bench is the value
that the module was built with. Outside a simulation (pytest reads the benches, too) it is empty.
"""

import json
import os
from dataclasses import fields, replace

from golden.hardware.configuration import Hardware

VARIABLE = "PSF_PARAMETERS"  # of the environment: a JSON object, from tb.run.runner
PARAMETERS: dict[str, int] = json.loads(os.environ.get(VARIABLE, "{}"))


def hardware() -> Hardware:
    """The configuration with these parameters; those that the module has not are of ``2x8``."""
    default = Hardware.named("2x8")
    names = dict(zip(default.sv_parameters(), (f.name for f in fields(default)), strict=True))
    return replace(default, **{names[n]: v for n, v in PARAMETERS.items() if n in names})
