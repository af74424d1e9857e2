"""Benchmarks of the inbox."""

from __future__ import annotations

from inbox.benchmarks.lists import inbox
from inbox.benchmarks.searching import search
from project.core import bench

bench.register("inbox", inbox)
bench.register("search", search)
