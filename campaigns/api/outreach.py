"""Operations: rules of outreach, unsubscribes, brakes, checks of addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Query, Schema, Status
from pydantic import Field

from campaigns import identity
from campaigns import selectors_outreach as selectors
from campaigns.api.lead_schemas import ChannelName, SuppressionOut
from campaigns.api.routing import router
from campaigns.services import addresses, brakes, outreach, unsubscribes
from project.core.api_pages import OrderedPageIn, PageOut, page_of
from project.core.api_values import Instant
from project.core.refusals import Invalid
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Outreach"]
How = Literal["link", "one_click", "mail", "reply", "stop_word", "complaint", "provider", "person"]
Basis = Literal["", "consent", "customer", "legitimate_interest"]


class RulesIn(Schema):
    """Rules to change; what is left out stays."""

    legal_name: str | None = Field(None, max_length=160)
    postal_address: str | None = Field(None, max_length=400)
    email_basis: Basis | None = None
    email_basis_note: str | None = Field(None, max_length=1000)
    sms_basis: Basis | None = Field(None, description="Legitimate interest is refused for texts.")
    sms_basis_note: str | None = Field(None, max_length=1000)
    email_footer: bool | None = None
    unsubscribe_text: str | None = Field(None, min_length=1, max_length=80)
    unsubscribe_scope: Literal["client", "organization"] | None = None
    track_opens: bool | None = None
    track_clicks: bool | None = None
    sms_stop_notice: bool | None = None
    sms_from_hour: int | None = Field(None, ge=0, le=23)
    sms_until_hour: int | None = Field(None, ge=1, le=24)
    address_policy: Literal["off", "warn", "block"] | None = None
    soft_bounce_days: int | None = Field(None, ge=1, le=365)


class RulesOut(Schema):
    """The rules of a client, and what it still has to settle before a campaign may use a channel."""

    client_id: UUID
    legal_name: str
    postal_address: str
    email_basis: str
    email_basis_note: str
    sms_basis: str
    sms_basis_note: str
    email_footer: bool
    unsubscribe_text: str
    unsubscribe_scope: str
    track_opens: bool
    track_clicks: bool
    sms_stop_notice: bool
    sms_from_hour: int
    sms_until_hour: int
    address_policy: str
    soft_bounce_days: int
    lacking: dict[str, list[str]]


def _rules(client_id: UUID) -> dict[str, Any]:
    policy = outreach.policy_of(client_id)
    lacking = {channel: outreach.lacking(policy, channel) for channel in ("email", "sms")}
    return {"client_id": client_id, **outreach.values_of(policy), "lacking": lacking}


@router.get("/clients/{client_id}/outreach", response=RulesOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_outreach_rules(request: ApiRequest, client_id: UUID) -> Any:
    """The rules of a client's e-mails and texts."""
    get_or_404(request.access.clients(), client_id)
    return _rules(client_id)


@router.patch("/clients/{client_id}/outreach", response=RulesOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def change_outreach_rules(request: ApiRequest, client_id: UUID, payload: RulesIn) -> Any:
    """Settle rules of a client."""
    client = get_or_404(request.access.clients(), client_id)
    given = {name: value for name, value in payload.dict(exclude_unset=True).items() if value is not None}
    outreach.save(client=client, values=given, actor=request.access.user)
    return _rules(client_id)


# --- Unsubscribes -----------------------------------------------------------------------------------


class UnsubscribesIn(OrderedPageIn):
    """Which unsubscribes, in which order of their time."""

    client: UUID | None = Field(None, alias="filter[client]")
    campaign: UUID | None = Field(None, alias="filter[campaign]")
    channel: ChannelName | None = Field(None, alias="filter[channel]")
    how: How | None = Field(None, alias="filter[how]")
    standing: bool | None = Field(None, alias="filter[standing]", description="False: only those taken back.")


class UnsubscribeOut(Schema):
    """Somebody who asked to be left out. ``everywhere``: for all clients. ``undone_at``: taken back."""

    id: UUID
    client_id: UUID
    channel: ChannelName
    value: str
    how: How
    everywhere: bool
    occurred_at: datetime
    undone_at: datetime | None
    lead_id: UUID | None
    campaign_id: UUID | None


class UnsubscribeIn(Schema):
    """An address that does not want to be written to by a client any more, entered by a person."""

    client_id: UUID
    channel: ChannelName
    address: str = Field(min_length=1, max_length=300)
    reason: str = Field("", max_length=200)


class StatisticsIn(Schema):
    """What to count, and over which time."""

    by: Literal["client", "campaign"] = "client"
    client: UUID | None = Field(None, alias="filter[client]")
    since: Instant | None = None


class StatisticsOut(Schema):
    """Messages that left and unsubscribes that stand. ``id`` null: of no campaign. ``rate``: share of the sent."""

    id: UUID | None
    sent: int
    unsubscribed: int
    rate: float | None
    how: dict[str, int]


class StatusIn(Schema):
    """Whose status."""

    channel: ChannelName
    address: str = Field(min_length=1, max_length=300)
    client: UUID | None = Field(None, alias="filter[client]")


class StatusOut(Schema):
    """Whether an address may be written to, and everything that is on record about it."""

    channel: ChannelName
    address: str
    suppressed: bool
    suppressions: list[SuppressionOut]
    unsubscribes: list[UnsubscribeOut]


@router.get("/unsubscribes", response=PageOut[UnsubscribeOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def list_unsubscribes(request: ApiRequest, page: Query[UnsubscribesIn]) -> Any:
    """Everybody who asked to be left out, and how."""
    wanted = selectors.unsubscribes(request.access)
    for name, value in (
        ("client_id", page.client),
        ("campaign_id", page.campaign),
        ("channel", page.channel),
        ("how", page.how),
    ):
        if value is not None:
            wanted = wanted.filter(**{name: value})
    if page.standing is not None:
        wanted = wanted.filter(undone_at__isnull=page.standing)
    return page_of(wanted, page, order=page.by("occurred_at", "id"))


@router.post("/unsubscribes", response={201: UnsubscribeOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def add_unsubscribe(request: ApiRequest, payload: UnsubscribeIn) -> Any:
    """Enter somebody's wish; their sequences end."""
    get_or_404(request.access.clients(), payload.client_id)
    status = _status(request, payload.channel, payload.address, payload.client_id)
    address = unsubscribes.Address(
        client_id=payload.client_id, channel=payload.channel, value=status["address"]
    )
    made = unsubscribes.record(
        address=address, how="person", reason=payload.reason, everywhere=False, actor=request.access.user
    )
    return Status(201, made)


@router.get("/unsubscribes/statistics", response=list[StatisticsOut], tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def unsubscribe_statistics(request: ApiRequest, query: Query[StatisticsIn]) -> Any:
    """Unsubscribes by client or campaign, with their share of what was sent."""
    return selectors.unsubscribe_statistics(
        request.access, by=query.by, client_id=query.client, since=query.since
    )


@router.get("/unsubscribes/status", response=StatusOut, tags=TAGS)
@api_rule(Permission.LEADS_VIEW)
def unsubscribe_status(request: ApiRequest, query: Query[StatusIn]) -> Any:
    """Whether an address may be written to."""
    return _status(request, query.channel, query.address, query.client)


def _status(request: ApiRequest, channel: str, address: str, client_id: UUID | None) -> dict[str, Any]:
    try:
        return selectors.address_status(request.access, channel=channel, address=address, client_id=client_id)
    except identity.InvalidAddress as error:
        raise Invalid(f"This is {error}.", field="address") from error


# --- Brakes -----------------------------------------------------------------------------------------


class BrakesIn(OrderedPageIn):
    """Which brakes, in which order."""

    client: UUID | None = Field(None, alias="filter[client]")
    standing: bool | None = Field(None, alias="filter[standing]", description="True: only those that are on.")


class BrakeOut(Schema):
    """Sending was stopped because too much came back. ``ends_at`` null: until a person releases it."""

    id: UUID
    client_id: UUID
    scope: Literal["sender", "list", "domain"]
    target: str
    signal: Literal["bounce", "complaint", "deferral"]
    counted: int
    sample: int
    reason: str
    tripped_at: datetime
    ends_at: datetime | None
    released_at: datetime | None


@router.get("/brakes", response=PageOut[BrakeOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_brakes(request: ApiRequest, page: Query[BrakesIn]) -> Any:
    """Where sending was stopped, and why."""
    wanted = selectors.brakes(request.access)
    if page.client is not None:
        wanted = wanted.filter(client_id=page.client)
    if page.standing is not None:
        wanted = wanted.filter(released_at__isnull=page.standing)
    return page_of(wanted, page, order=page.by("tripped_at", "id"))


@router.post("/brakes/{brake_id}/release", response=BrakeOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def release_brake(request: ApiRequest, brake_id: UUID) -> Any:
    """Let sending go on; only what is sent from now on counts."""
    found = get_or_404(selectors.brakes(request.access), brake_id)
    return brakes.release(brake=found, actor=request.access.user)


# --- Addresses --------------------------------------------------------------------------------------


class AddressesIn(Schema):
    """Addresses to check for a client; each may cost money where a provider is asked."""

    client_id: UUID
    addresses: list[str] = Field(min_length=1, max_length=100)


class VerdictOut(Schema):
    """What is known about an address. ``reasons`` are stable words, ``explanation`` says them to people."""

    address: str
    verdict: Literal["valid", "risky", "invalid"]
    reasons: list[str]
    suggestion: str
    explanation: str


@router.post("/addresses/check", response=list[VerdictOut], tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def check_addresses(request: ApiRequest, payload: AddressesIn) -> Any:
    """Judge e-mail addresses without writing to them. Verdicts are remembered."""
    get_or_404(request.access.clients(), payload.client_id)
    wanted = [address.strip().lower() for address in payload.addresses]
    found = addresses.check_many([text for text in wanted if len(text) <= 254], client_id=payload.client_id)
    return [
        {
            "address": address,
            "verdict": verdict.verdict,
            "reasons": list(verdict.reasons),
            "suggestion": verdict.suggestion,
            "explanation": addresses.why(verdict),
        }
        for address, verdict in found.items()
    ]
