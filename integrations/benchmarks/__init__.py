"""What the benchmarks of integrations measure with."""
