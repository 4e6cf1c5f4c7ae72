# SPDX-License-Identifier: Apache-2.0
"""The waist: the network file and its integer meaning (numpy only), which both sides share."""
