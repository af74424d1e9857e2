"""Benchmarks of the ground floor; ``project.core.bench`` runs them."""
