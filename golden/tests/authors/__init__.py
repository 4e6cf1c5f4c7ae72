# SPDX-License-Identifier: Apache-2.0
"""The authors' networks in their own order of units and with their own names, for the tests of the
importer: channels first, the image repeated T times, spikingjelly's neurons."""
