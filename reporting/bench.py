"""Benchmarks of reporting."""

from __future__ import annotations

from project.core import bench
from reporting.benchmarks.rollups import rollup

bench.register("rollup", rollup)
