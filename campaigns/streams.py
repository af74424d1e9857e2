"""Names of the streams of campaigns; nothing else builds them."""

from __future__ import annotations

from uuid import UUID

from project.core.realtime import stream_name


def lead_import(import_id: UUID) -> str:
    """Progress of one import."""
    return stream_name("import", import_id)


def campaign(campaign_id: UUID) -> str:
    """State and numbers of one campaign."""
    return stream_name("campaign", campaign_id)


def lead_act(entry_id: UUID) -> str:
    """How far an act on many leads is."""
    return stream_name("lead_act", entry_id)
