# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of the groups go, from what their parts show: a reference for the counters."""


def states(dut, groups: int) -> list[int]:
    """Groups that add a row, wait for a bank, for spikes, for the drain, have no token.

    ``dut``: psf_datapath. In a cycle with an add a group does not wait, nor does it without a
    token, whatever its window shows.
    """
    count = [0] * 5
    for g in range(groups):
        group = dut.u_groups.gen_group[g].u_group
        signals = (
            group.word_valid_i, group.u_path.kv_valid_o, group.u_drain.waiting_o,
            group.u_path.empty_o, group.u_path.blocked_o, group.u_path.complete_o,
        )  # fmt: skip
        adds, key_value, idle, empty, blocked, complete = (int(x.value) for x in signals)
        if adds or key_value:
            count[0] += 1
        elif idle:
            count[4] += 1
        elif empty:  # all spikes are issued: some accumulation is complete, or more come
            count[3 if complete else 2] += 1
        else:
            count[3 if blocked else 1] += 1
    return count
