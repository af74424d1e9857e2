"""Receivers of domain events: one-liners that call services."""
