"""Domain events of tenancy; the rooms above listen."""

from __future__ import annotations

from dataclasses import dataclass

from project.core.events import DomainEvent
from project.tenancy.models import Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChanged(DomainEvent):
    """What a member may do or reach is another one from now on: role, clients, or whether they are active."""

    membership: Membership
