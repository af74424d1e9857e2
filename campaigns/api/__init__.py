"""The JSON API of campaigns: leads, imports, suppressions, plans, campaigns, enrollments."""

from campaigns.api import campaigns, enrollments, imports, leads, plans, suppressions
from campaigns.api.routing import router

__all__ = ["campaigns", "enrollments", "imports", "leads", "plans", "router", "suppressions"]
