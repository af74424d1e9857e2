"""Tests of project.core."""
