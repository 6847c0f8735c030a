"""Tensor operations that plugins share."""

from __future__ import annotations

from alframe.ops.blocks import by_blocks, row_blocks, rows_per_block
from alframe.ops.calibration import best_temperature, calibration_error, reliability_bins
from alframe.ops.cover import Cover, cover_greedy
from alframe.ops.crew import Bench, Crew, Job
from alframe.ops.dropout import dropout_mask
from alframe.ops.farthest import Farthest
from alframe.ops.images import FitImages
from alframe.ops.kernels import Kernel
from alframe.ops.kmeans import KMeansResult, kmeans, nearest_to_centres
from alframe.ops.lazy import LazyRows
from alframe.ops.linkage import Linkage, average_linkage
from alframe.ops.machine import machine_memory
from alframe.ops.nearest import assign_to_nearest, eligible, lower_to_nearest
from alframe.ops.onward import cover_onward
from alframe.ops.pools import few_threads
from alframe.ops.seeding import drawn
from alframe.ops.ties import equal_from, first_of_equals

__all__ = [
    "Bench",
    "Cover",
    "Crew",
    "Farthest",
    "FitImages",
    "Job",
    "KMeansResult",
    "Kernel",
    "LazyRows",
    "Linkage",
    "assign_to_nearest",
    "average_linkage",
    "best_temperature",
    "by_blocks",
    "calibration_error",
    "cover_greedy",
    "cover_onward",
    "drawn",
    "dropout_mask",
    "eligible",
    "equal_from",
    "few_threads",
    "first_of_equals",
    "kmeans",
    "lower_to_nearest",
    "machine_memory",
    "nearest_to_centres",
    "reliability_bins",
    "row_blocks",
    "rows_per_block",
]
