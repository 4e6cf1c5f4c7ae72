# SPDX-License-Identifier: Apache-2.0
"""Benches: ``test_<module>.py`` is started by pytest, ``<module>_tests.py`` runs in the simulator."""
