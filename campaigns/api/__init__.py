"""The JSON API of campaigns: leads, imports, suppressions, plans, snippets, days off, campaigns, simulations,
variants, enrollments, outreach.
"""

from campaigns.api import (
    campaigns,
    diagnostics,
    engine,
    enrollments,
    explanations,
    historical,
    holidays,
    imports,
    leads,
    outreach,
    plans,
    simulations,
    snippets,
    suppressions,
    variants,
)
from campaigns.api.routing import router

__all__ = [
    "campaigns",
    "diagnostics",
    "engine",
    "enrollments",
    "explanations",
    "historical",
    "holidays",
    "imports",
    "leads",
    "outreach",
    "plans",
    "router",
    "simulations",
    "snippets",
    "suppressions",
    "variants",
]
