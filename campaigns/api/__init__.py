"""The JSON API of campaigns: leads, imports, suppressions, plans, snippets, days off, campaigns, simulations,
variants, enrollments.
"""

from campaigns.api import (
    campaigns,
    engine,
    enrollments,
    explanations,
    holidays,
    imports,
    leads,
    plans,
    simulations,
    snippets,
    suppressions,
    variants,
)
from campaigns.api.routing import router

__all__ = [
    "campaigns",
    "engine",
    "enrollments",
    "explanations",
    "holidays",
    "imports",
    "leads",
    "plans",
    "router",
    "simulations",
    "snippets",
    "suppressions",
    "variants",
]
