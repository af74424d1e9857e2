"""Operations of the JSON API about how well an account is: health, freeze dates, its mail domain."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Router, Schema
from pydantic import Field

from integrations import api_rows, health_selectors
from integrations.freezes import Freeze
from integrations.models import MailDomain, SenderAccount
from integrations.services import freezing, mail_domains
from project.core.refusals import Refused
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router(tags=["Senders"])


class FactorOut(Schema):
    """One thing that makes an account more or less fit, from 0 to 100."""

    key: str
    label: str
    score: int
    sentence: str


class HealthOut(Schema):
    """An account's score, which is that of its worst factor, and all factors, worst first."""

    score: int
    sentence: str
    worst: FactorOut | None
    factors: list[FactorOut]


class FreezeIn(Schema):
    """Days on which no campaign sends through an account, both included; local days of the account."""

    first: date
    last: date
    reason: str = Field("", max_length=120)


class FreezeOut(FreezeIn):
    """One freeze that holds or is ahead."""


class FrozenDaysIn(Schema):
    """Which freeze is taken back."""

    first: date
    last: date


class MailRecordFindingOut(Schema):
    """One record of a domain: ok, weak, missing, wrong or unknown; and the record to paste, if there is one."""

    kind: str
    verdict: str
    sentence: str
    found: str
    name: str
    type: str
    value: str


class MailDomainOut(Schema):
    """A sending domain and what the last check found."""

    name: str
    requested_at: datetime | None
    checked_at: datetime | None
    changed_at: datetime | None
    findings: list[MailRecordFindingOut]


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    found: SenderAccount = get_or_404(api_rows.senders(access).select_related("connection"), sender_id)
    return found


@router.get("/senders/{sender_id}/health", response=HealthOut)
@api_rule(Permission.SENDERS_VIEW)
def sender_health(request: ApiRequest, sender_id: UUID) -> Any:
    """How well an account is, and why."""
    sender = _sender(request.access, sender_id)
    return health_selectors.health_of([sender])[sender.id]


@router.get("/senders/{sender_id}/freezes", response=list[FreezeOut])
@api_rule(Permission.SENDERS_VIEW)
def list_freezes(request: ApiRequest, sender_id: UUID) -> Any:
    """The freezes that hold or are ahead, earliest first."""
    return freezing.to_come(_sender(request.access, sender_id))


@router.post("/senders/{sender_id}/freezes", response=list[FreezeOut])
@api_rule(Permission.SENDERS_EDIT)
def freeze_sender(request: ApiRequest, sender_id: UUID, payload: FreezeIn) -> Any:
    """Let no campaign send through an account between two days; answers of people leave."""
    sender = _sender(request.access, sender_id)
    return freezing.to_come(freezing.freeze(sender=sender, actor=request.access.user, **payload.dict()))


@router.post("/senders/{sender_id}/freezes/take-back", response=list[FreezeOut])
@api_rule(Permission.SENDERS_EDIT)
def thaw_sender(request: ApiRequest, sender_id: UUID, payload: FrozenDaysIn) -> Any:
    """Take a freeze back; what waited for it is looked at again at once."""
    sender = _sender(request.access, sender_id)
    key = Freeze(payload.first, payload.last).key
    return freezing.to_come(freezing.thaw(sender=sender, key=key, actor=request.access.user))


@router.get("/senders/{sender_id}/mail-domain", response=MailDomainOut)
@api_rule(Permission.SENDERS_VIEW)
def mail_domain(request: ApiRequest, sender_id: UUID) -> Any:
    """What the name service says about the domain of an e-mail account, as last checked."""
    name = mail_domains.domain_of(_sender(request.access, sender_id))
    if not name:
        raise Refused("Only e-mail accounts have a mail domain.", code="NO_MAIL_DOMAIN")
    return MailDomain.objects.filter(name=name).first() or MailDomain(name=name)


@router.post("/senders/{sender_id}/mail-domain/check", response=MailDomainOut)
@api_rule(Permission.SENDERS_EDIT)
def check_mail_domain(request: ApiRequest, sender_id: UUID) -> Any:
    """Ask for a check; it is done in the background."""
    return mail_domains.request(sender=_sender(request.access, sender_id), actor=request.access.user)
