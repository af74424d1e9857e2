"""The JSON API of campaigns: leads, imports, suppressions, plans, snippets, days off, campaigns, simulations,
enrollments.
"""

from campaigns.api import (
    campaigns,
    enrollments,
    holidays,
    imports,
    leads,
    plans,
    simulations,
    snippets,
    suppressions,
)
from campaigns.api.routing import router

__all__ = [
    "campaigns",
    "enrollments",
    "holidays",
    "imports",
    "leads",
    "plans",
    "router",
    "simulations",
    "snippets",
    "suppressions",
]
