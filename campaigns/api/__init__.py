"""The JSON API of campaigns: leads, imports, suppressions, plans, snippets, campaigns, enrollments."""

from campaigns.api import campaigns, enrollments, imports, leads, plans, snippets, suppressions
from campaigns.api.routing import router

__all__ = ["campaigns", "enrollments", "imports", "leads", "plans", "router", "snippets", "suppressions"]
