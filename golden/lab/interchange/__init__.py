# SPDX-License-Identifier: Apache-2.0
"""Networks as graphs that other frameworks read and write: NIR (neuroir.org, doi
10.1038/s41467-024-52259-9).

What both directions agree on:
  LIF       tau dv/dt = v_leak - v + R I is one step of Euler's method with the time step dt:
            v += (R I - v) dt / tau. That is this project's neuron with tau / dt; it fires on its
            threshold, too, NIR's only above it.
  OR-pool   NIR has no MaxPool. SumPool2d followed by Threshold(1/2) is the same of spikes.
  BatchNorm lies in the weights and biases of its convolution.
  head      the mean over tokens is AvgPool2d and Flatten; logits are the mean over the timesteps of
            what leaves the graph.
"""

import math

from golden.contract.errors import UserError

DT = 1e-4  # seconds; the frameworks' usual time step
KERNEL, STRIDE, PADDING = 3, 2, 1  # of the OR-pool
HALF = 0.5  # threshold of counts that makes an OR


def checked(dt: float) -> float:
    """A time step that makes sense; else UserError."""
    if not 0 < dt < math.inf:
        raise UserError(f"--dt is {dt}, it must be a positive number of seconds")
    return dt
