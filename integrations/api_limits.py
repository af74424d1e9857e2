"""Operations of the JSON API on limits: what stands, setting them, warm-ups."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Router, Schema
from pydantic import Field

from integrations import api_rows, limit_selectors
from integrations.models import SenderAccount
from integrations.services import rates, warmups
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router(tags=["Limits"])


class CapOut(Schema):
    """One cap on one action of an account. ``binds`` is true for the one that decides what may be done now."""

    action: str
    key: str
    name: str
    window: str
    limit: int
    used: int
    remaining: int
    resets_at: datetime
    binds: bool


class WarmUpOut(Schema):
    """Where a warm-up stands, and what it allows of each action in its window."""

    kind: str
    day: int
    of: int
    held: bool
    finished: bool
    window: str
    caps: dict[str, int]
    sentence: str


class SenderLimitsOut(Schema):
    """Every cap of an account, and its warm-up if it is on one."""

    sender_id: UUID
    sentence: str
    caps: list[CapOut]
    warm_up: WarmUpOut | None


class WarmUpIn(Schema):
    """A warm-up to start: linkedin for LinkedIn seats; mailbox, domain_new, domain_known or ip for e-mail."""

    kind: str = Field(max_length=16)
    started_on: date | None = None
    ceiling: int | None = Field(None, ge=1, le=10_000_000)


class ReasonIn(Schema):
    """Why, for the audit log."""

    reason: str = Field("", max_length=200)


class CapIn(Schema):
    """A limit; null goes back to the default."""

    cap: int | None = Field(ge=0, le=10_000_000)


class OrganizationLimitIn(Schema):
    """The organization's limit of a day, and how much an account may grow from week to week, in percent.

    What is left out stays; null goes back to the default.
    """

    cap: int | None = Field(None, ge=0, le=10_000_000)
    growth_percent: int | None = Field(None, ge=0, le=1_000)


class RequestRateIn(Schema):
    """Requests of a connection in a second or minute; null goes back to the default."""

    cap: int | None = Field(ge=1, le=10_000)
    window: Literal["second", "minute"] = "second"


class SharedBudgetOut(Schema):
    """A budget of many accounts in the window that is running; ``cap`` null means no limit."""

    scope: str
    subject: str
    name: str
    window: str
    cap: int | None
    used: int
    resets_at: datetime
    is_default: bool


class RequestRateOut(Schema):
    """A connection's request rate and how many requests it was given in all."""

    connection_id: UUID
    name: str
    per_second: float
    burst: int
    given: int
    next_slot_at: datetime | None


class SharedOut(Schema):
    """What accounts share, within reach."""

    budgets: list[SharedBudgetOut]
    growth_percent: int | None
    requests: list[RequestRateOut]


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    found: SenderAccount = get_or_404(api_rows.senders(access), sender_id)
    return found


def _limits(sender: SenderAccount) -> dict[str, Any]:
    found = limit_selectors.sender_limits(sender)
    stage = found["stage"]
    return {
        "sender_id": sender.id,
        "sentence": found["sentence"],
        "caps": [row.cap for row in found["table"]],
        "warm_up": stage
        and {
            "kind": stage.plan.kind,
            "day": stage.day,
            "of": stage.of,
            "held": stage.held,
            "finished": stage.finished,
            "window": stage.plan.window,
            "caps": dict(stage.caps),
            "sentence": stage.sentence,
        },
    }


def _shared(access: Access) -> dict[str, Any]:
    return {
        "budgets": limit_selectors.shared_budgets(access),
        "growth_percent": limit_selectors.growth_of(access),
        "requests": [
            {
                "connection_id": connection.id,
                "name": connection.name,
                "per_second": state.rate.per_second,
                "burst": state.rate.burst,
                "given": state.given,
                "next_slot_at": state.next_slot_at,
            }
            for connection, state in limit_selectors.request_rates(access)
        ],
    }


@router.get("/senders/{sender_id}/limits", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_VIEW)
def get_sender_limits(request: ApiRequest, sender_id: UUID) -> Any:
    """Every cap of an account with its use, and the one that decides for each action."""
    return _limits(_sender(request.access, sender_id))


@router.post("/senders/{sender_id}/warm-up", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_EDIT)
def start_warm_up(request: ApiRequest, sender_id: UUID, payload: WarmUpIn) -> Any:
    """Put an account on a warm-up; one that it is on ends."""
    sender = _sender(request.access, sender_id)
    warmups.start(
        sender=sender,
        kind=payload.kind,
        started_on=payload.started_on,
        ceiling=payload.ceiling,
        actor=request.access.user,
    )
    return _limits(sender)


@router.post("/senders/{sender_id}/warm-up/hold", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_EDIT)
def hold_warm_up(request: ApiRequest, sender_id: UUID, payload: ReasonIn) -> Any:
    """Let the stage stand still until it is resumed."""
    sender = _sender(request.access, sender_id)
    warmups.hold(sender=sender, reason=payload.reason, actor=request.access.user)
    return _limits(sender)


@router.post("/senders/{sender_id}/warm-up/set-back", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_EDIT)
def set_back_warm_up(request: ApiRequest, sender_id: UUID, payload: ReasonIn) -> Any:
    """Set the ramp back by one day."""
    sender = _sender(request.access, sender_id)
    warmups.hold_a_day(sender=sender, reason=payload.reason, actor=request.access.user)
    return _limits(sender)


@router.post("/senders/{sender_id}/warm-up/resume", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_EDIT)
def resume_warm_up(request: ApiRequest, sender_id: UUID) -> Any:
    """Let a held warm-up go on where it stands."""
    sender = _sender(request.access, sender_id)
    warmups.resume(sender=sender, actor=request.access.user)
    return _limits(sender)


@router.delete("/senders/{sender_id}/warm-up", response=SenderLimitsOut)
@api_rule(Permission.SENDERS_EDIT)
def stop_warm_up(request: ApiRequest, sender_id: UUID) -> Any:
    """End an account's warm-up."""
    sender = _sender(request.access, sender_id)
    warmups.stop(sender=sender, actor=request.access.user)
    return _limits(sender)


@router.get("/limits", response=SharedOut)
@api_rule(Permission.SENDERS_VIEW)
def get_shared_limits(request: ApiRequest) -> Any:
    """The budgets that accounts share: the organization's day, clients' days, recipient domains' hours, requests."""
    return _shared(request.access)


@router.put("/limits/organization", response=SharedOut)
@api_rule(Permission.SENDERS_EDIT, whole=True)
def set_organization_limit(request: ApiRequest, payload: OrganizationLimitIn) -> Any:
    """Set how much all accounts together may send on a day (UTC), and how much an account may grow in a week."""
    if "cap" in payload.model_fields_set:
        rates.set_organization_limit(cap=payload.cap, actor=request.access.user)
    if "growth_percent" in payload.model_fields_set:
        rates.set_growth(percent=payload.growth_percent, actor=request.access.user)
    return _shared(request.access)


@router.put("/limits/clients/{client_id}", response=SharedOut)
@api_rule(Permission.SENDERS_EDIT)
def set_client_limit(request: ApiRequest, client_id: UUID, payload: CapIn) -> Any:
    """Set how much all accounts of a client together may send on a day (UTC)."""
    client = get_or_404(request.access.clients(), client_id)
    rates.set_client_limit(client=client, cap=payload.cap, actor=request.access.user)
    return _shared(request.access)


@router.put("/limits/domains/{recipient_domain}", response=SharedOut)
@api_rule(Permission.SENDERS_EDIT, whole=True)
def set_domain_limit(request: ApiRequest, recipient_domain: str, payload: CapIn) -> Any:
    """Set how many mails may go to a recipient domain, its aliases included, in an hour."""
    rates.set_domain_limit(domain=recipient_domain, cap=payload.cap, actor=request.access.user)
    return _shared(request.access)


@router.put("/connections/{connection_id}/request-rate", response=SharedOut)
@api_rule(Permission.SENDERS_EDIT)
def set_request_rate(request: ApiRequest, connection_id: UUID, payload: RequestRateIn) -> Any:
    """Set how many requests a connection makes to its provider."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    rates.set_request_rate(
        connection=connection, cap=payload.cap, window=payload.window, actor=request.access.user
    )
    return _shared(request.access)
