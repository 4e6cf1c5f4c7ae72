# SPDX-License-Identifier: Apache-2.0
"""The greedy matching of groups to banks that psf_issue_arbiter makes, cycle by cycle."""

from collections.abc import Sequence


class Matching:
    """Groups choose in rotating order, each the first free bank from its own rotating start."""

    def __init__(self, groups: int, banks: int):
        self.groups, self.banks = groups, banks
        self.group_free = [0] * groups  # first cycle in which the group may get a grant
        self.bank_free = [0] * banks
        self.first, self.granted = 0, 0

    def step(self, t: int, cost: int, req: Sequence[int], ready: int) -> list[int]:
        """The banks, one-hot or none, that the groups get in cycle ``t``."""
        grant = [0] * self.groups
        step = max(1, self.banks // self.groups)
        for i in range(self.groups):
            g = (self.first + i) % self.groups
            if self.group_free[g] > t:
                continue
            for k in range(self.banks):
                b = (t + g * step + k) % self.banks
                if req[g] >> b & 1 and ready >> b & 1 and self.bank_free[b] <= t:
                    grant[g] = 1 << b
                    self.group_free[g] = self.bank_free[b] = t + cost
                    break
        self.first += self.granted
        self.granted = int(any(grant))
        return grant
