"""Pytest plugins of the suite, loaded from pyproject.toml before Django's settings are read."""
