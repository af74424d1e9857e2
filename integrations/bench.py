"""Benchmarks of integrations."""

from __future__ import annotations

from integrations.benchmarks.ingest.benchmark import ingest
from integrations.benchmarks.limits.benchmark import limits
from project.core import bench

bench.register("limits", limits)
bench.register("ingest", ingest)
