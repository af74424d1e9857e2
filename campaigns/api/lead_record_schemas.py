"""What the JSON API takes and gives about leads as persons."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field

from campaigns.api.lead_schemas import ChannelName, LeadOut


class DuplicateOut(Schema):
    """Two leads that may be one person, and the sentences that speak for it."""

    one: LeadOut
    other: LeadOut
    evidence: list[str]


class OtherIn(Schema):
    """The other of two leads."""

    other_id: UUID


class MergeOut(Schema):
    """A merge: the lead that was kept, the one that is a part of it now, and what spoke for it."""

    id: UUID
    kept_id: UUID
    other_id: UUID
    evidence: list[str]
    created_at: datetime
    undone_at: datetime | None


class AddressValueIn(Schema):
    """An address as a person writes it."""

    value: str = Field(min_length=1, max_length=300)


class AddressIn(AddressValueIn):
    """A new address of a lead. A phone number without ``+`` is of the lead's country."""

    kind: ChannelName


class ErasureIn(Schema):
    """Why somebody is erased: kept in the audit log."""

    reason: str = Field(min_length=1, max_length=200)
