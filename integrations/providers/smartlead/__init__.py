"""Smartlead: e-mail campaigns that Smartlead runs (docs/providers/smartlead.md)."""
