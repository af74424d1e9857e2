"""Pages of tenancy: entrance, settings, platform."""
