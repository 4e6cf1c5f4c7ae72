# SPDX-License-Identifier: Apache-2.0
"""Sweeps over sparsity, encoder, backbone and hardware on dask workers, restartable."""
