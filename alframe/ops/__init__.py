"""Tensor operations that plugins share."""

from __future__ import annotations

from alframe.ops.kmeans import KMeansResult, kmeans, nearest_to_centres

__all__ = ["KMeansResult", "kmeans", "nearest_to_centres"]
