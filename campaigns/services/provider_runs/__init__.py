"""Campaigns that a provider runs (docs/provider-run.md): made and pushed by us, carried out there, followed here."""
