"""Smartlead as the sandbox plays it (docs/providers/smartlead.md)."""
