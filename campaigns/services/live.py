"""What open screens are told about campaigns."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from campaigns import streams
from project.core.realtime import emit


@transaction.atomic
def campaign_changed(campaign_id: UUID) -> None:
    """Tell open screens that a campaign's state or numbers changed."""
    emit(
        stream=streams.campaign(campaign_id),
        kind="campaign.changed",
        subject=("campaign", campaign_id),
        data={},
    )
