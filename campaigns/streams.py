"""Names of the streams of campaigns; nothing else builds them."""

from __future__ import annotations

from uuid import UUID


def lead_import(import_id: UUID) -> str:
    """Progress of one import."""
    return f"import.{import_id}"


def campaign(campaign_id: UUID) -> str:
    """State and numbers of one campaign."""
    return f"campaign.{campaign_id}"
