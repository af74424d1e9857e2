"""What became of weekly reports: each recipient's mail, as the provider told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations.models import SystemMail
from project.core.ids import parse_uuid
from reporting.models import ReportMail
from reporting.services.report_mails import key_of

_PROBLEMS = frozenset({SystemMail.State.BOUNCED, SystemMail.State.COMPLAINED, SystemMail.State.FAILED})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient's mail."""

    address: str
    state: str
    label: str
    error: str

    @property
    def is_problem(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in _PROBLEMS


def deliveries(mails: Sequence[ReportMail]) -> dict[UUID, list[Delivery]]:
    """The mails of each report, by address; one statement."""
    if not mails:
        return {}
    asked = Q()
    for mail in mails:
        asked |= Q(key__startswith=key_of(mail, ""))
    found: dict[UUID, list[Delivery]] = {mail.id: [] for mail in mails}
    for row in SystemMail.objects.filter(asked).defer("content").order_by("recipient"):
        mail_id = parse_uuid(row.key.split(":")[1])
        if mail_id in found:
            found[mail_id].append(Delivery(row.recipient, row.state, row.get_state_display(), row.error))
    return found


def told(mails: Sequence[ReportMail]) -> list[dict[str, Any]]:
    """Reports with how many mails stand how, and those that somebody should look at."""
    found = deliveries(mails)
    return [
        {
            "mail": mail,
            "counts": sorted(Counter(one.label for one in found[mail.id]).items()),
            "problems": [one for one in found[mail.id] if one.is_problem],
        }
        for mail in mails
    ]
