"""``limits``: many workers race for the same budgets while Redis is restarted."""
