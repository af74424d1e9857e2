"""Benchmarks of campaigns; ``project.core.bench`` runs them."""
