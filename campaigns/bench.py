"""Benchmarks of campaigns."""

from __future__ import annotations

from campaigns.benchmarks.engine import engine
from campaigns.benchmarks.imports import import_
from campaigns.benchmarks.simulate import simulate
from campaigns.benchmarks.sync import sync
from project.core import bench

bench.register("engine", engine)
bench.register("import", import_)
bench.register("simulate", simulate)
bench.register("sync", sync)
