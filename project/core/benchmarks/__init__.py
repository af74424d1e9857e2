"""Benchmarks of the ground floor; ``project.core.bench`` runs them."""

from project.core import bench
from project.core.benchmarks import memory

bench.register("memory", memory.measure)
