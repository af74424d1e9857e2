"""The JSON API of campaigns: leads, imports, suppressions, plans, snippets, days off, campaigns, simulations,
variants, enrollments, outreach.
"""

from campaigns.api import (
    campaigns,
    diagnostics,
    editing,
    engine,
    enrollments,
    explanations,
    historical,
    holidays,
    imports,
    leads,
    outreach,
    plans,
    reviews,
    simulations,
    snippets,
    suppressions,
    variants,
)
from campaigns.api.routing import router

__all__ = [
    "campaigns",
    "diagnostics",
    "editing",
    "engine",
    "enrollments",
    "explanations",
    "historical",
    "holidays",
    "imports",
    "leads",
    "outreach",
    "plans",
    "reviews",
    "router",
    "simulations",
    "snippets",
    "suppressions",
    "variants",
]
