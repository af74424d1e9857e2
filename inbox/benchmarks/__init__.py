"""Benchmarks of the inbox."""
