# SPDX-License-Identifier: Apache-2.0
"""Benches: pytest starts ``test_<module>.py``, ``<module>_tests.py`` runs in the simulator."""
