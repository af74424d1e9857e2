"""Operations of the JSON API of this room: senders, connections, webhooks, synchronisation, outbox, kill
switches.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from ninja import Query, Router, Status

from integrations import api_rows
from integrations import api_schemas as schemas
from integrations.api_limits import router as limits_router
from integrations.api_sender_care import router as care_router
from integrations.api_sync import router as sync_router
from integrations.api_weather import router as weather_router
from integrations.api_webhooks import router as webhooks_router
from integrations.models import Connection, OutboundMessage, SenderAccount
from integrations.services import (
    accounts,
    certification,
    connecting,
    connections,
    hygiene,
    mailboxes,
    numbers,
    outbox,
    rates,
    senders,
    settlement,
    switches,
)
from integrations.values import WebhookFinding
from project.core.api_pages import PageIn, PageOut, page_of
from project.core.refusals import Invalid, Refused
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

router = Router()
router.add_router("", limits_router)
router.add_router("", care_router)
router.add_router("", webhooks_router)
router.add_router("", sync_router)
router.add_router("", weather_router)

NEWEST = ("-created_at", "-id")


def _sender(access: Access, sender_id: UUID) -> SenderAccount:
    found: SenderAccount = get_or_404(api_rows.senders(access), sender_id)
    return found


# --- Senders ----------------------------------------------------------------------------------------


@router.get("/senders", response=PageOut[schemas.SenderStateOut], tags=["Senders"])
@api_rule(Permission.SENDERS_VIEW)
def list_senders(request: ApiRequest, page: Query[PageIn], client_id: UUID | None = None) -> Any:
    """Sender accounts by name, with today's budgets."""
    found = page_of(api_rows.senders(request.access, client_id=client_id), page, order=("name", "id"))
    return {**found, "items": api_rows.sender_states(found["items"])}


@router.get("/senders/{sender_id}", response=schemas.SenderStateOut, tags=["Senders"])
@api_rule(Permission.SENDERS_VIEW)
def get_sender(request: ApiRequest, sender_id: UUID) -> Any:
    """One sender account."""
    return api_rows.sender_states([_sender(request.access, sender_id)])[0]


@router.post("/senders/{sender_id}/pause", response=schemas.SenderOut, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def pause_sender(request: ApiRequest, sender_id: UUID) -> Any:
    """Stop all sending of an account."""
    return senders.pause(sender=_sender(request.access, sender_id), actor=request.access.user)


@router.post("/senders/{sender_id}/resume", response=schemas.SenderOut, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def resume_sender(request: ApiRequest, sender_id: UUID) -> Any:
    """Let a paused account send again."""
    return senders.resume(sender=_sender(request.access, sender_id), actor=request.access.user)


@router.post("/senders/{sender_id}/refresh", response=schemas.SenderOut, tags=["Senders"])
@api_rule(Permission.SENDERS_VIEW)
def refresh_sender(request: ApiRequest, sender_id: UUID) -> Any:
    """Ask the provider how an account is."""
    return senders.refresh(sender=_sender(request.access, sender_id))


@router.post("/senders/{sender_id}/reconnect", response=schemas.LinkOut, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def reconnect_sender(request: ApiRequest, sender_id: UUID) -> Any:
    """Make a link at which the owner of an account signs in again."""
    sender = _sender(request.access, sender_id)
    return connecting.start(
        connection=sender.connection,
        client=sender.client,
        sender=sender,
        return_path="/",
        actor=request.access.user,
    )


@router.put("/senders/{sender_id}/limits/{action}", response=schemas.SenderStateOut, tags=["Senders"])
@api_rule(Permission.SENDERS_EDIT)
def set_sender_limit(request: ApiRequest, sender_id: UUID, action: str, payload: schemas.LimitIn) -> Any:
    """Set the limit of one action (invite, message, email, ...) on an account, by day if nothing else is said."""
    sender = _sender(request.access, sender_id)
    if not {"per_day", "cap"} & payload.model_fields_set:
        raise Invalid("Say the limit: per_day, or cap and window.", field="cap")
    rates.set_limit(
        sender=sender,
        action=action,
        window="day" if payload.per_day is not None else payload.window,
        cap=payload.per_day if payload.per_day is not None else payload.cap,
        actor=request.access.user,
    )
    return api_rows.sender_states([sender])[0]


# --- Mailboxes --------------------------------------------------------------------------------------


@router.post("/mailboxes", response={201: schemas.MailboxOut}, tags=["Mailboxes"])
@api_rule(Permission.SENDERS_EDIT)
def add_mailbox(request: ApiRequest, payload: schemas.MailboxIn) -> Any:
    """Add a mailbox as a sender and try it out; one that cannot be signed in to is stored as such."""
    given = payload.dict()
    client = get_or_404(request.access.clients(), given.pop("client_id"))
    servers = {name: given.pop(name) for name in mailboxes.SERVER_FIELDS}
    wanted = mailboxes.Wanted(**given, servers=servers)
    return Status(201, mailboxes.add(client=client, wanted=wanted, actor=request.access.user))


@router.get("/mailboxes/suggestion", response=schemas.MailboxServersOut, tags=["Mailboxes"])
@api_rule(Permission.SENDERS_EDIT)
def suggest_mailbox(request: ApiRequest, address: str) -> Any:
    """The servers of an address, where its provider is a known one."""
    found = mailboxes.suggested(address)
    if found is None:
        raise Http404("The servers of this address are not known here.")
    return found


@router.put("/mailboxes/{sender_id}/servers", response=schemas.CheckOut, tags=["Mailboxes"])
@api_rule(Permission.SENDERS_EDIT)
def change_mailbox(request: ApiRequest, sender_id: UUID, payload: schemas.MailboxServersIn) -> Any:
    """Store other servers or another password (blank: the one there is), and try them out."""
    given = payload.dict()
    password = given.pop("password")
    sender = _mailbox(request.access, sender_id)
    return mailboxes.change_servers(
        sender=sender, servers=given, password=password, actor=request.access.user
    )


@router.post("/mailboxes/{sender_id}/test", response=schemas.CheckOut, tags=["Mailboxes"])
@api_rule(Permission.SENDERS_EDIT)
def test_mailbox(request: ApiRequest, sender_id: UUID) -> Any:
    """Sign in to a mailbox and say what works; nothing is changed there."""
    return mailboxes.try_out(sender=_mailbox(request.access, sender_id), actor=request.access.user)


def _mailbox(access: Access, sender_id: UUID) -> SenderAccount:
    sender = _sender(access, sender_id)
    if not mailboxes.is_mailbox(sender):
        raise Refused("This sender is not a mailbox of its own.", code="NOT_A_MAILBOX")
    return sender


# --- Connections ------------------------------------------------------------------------------------


@router.get("/connections", response=PageOut[schemas.ConnectionOut], tags=["Connections"])
@api_rule(Permission.SETTINGS_VIEW)
def list_connections(request: ApiRequest, page: Query[PageIn]) -> Any:
    """Connections, newest first."""
    return page_of(api_rows.connections(request.access), page, order=NEWEST)


@router.post("/connections", response={201: schemas.ConnectionOut}, tags=["Connections"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def create_connection(request: ApiRequest, payload: schemas.ConnectionIn) -> Any:
    """Store credentials of a provider; try them out with ``/test``."""
    client = get_or_404(request.access.clients(), payload.client_id) if payload.client_id else None
    made = connections.create(
        provider=payload.provider,
        name=payload.name,
        credentials=payload.credentials,
        base_url=payload.base_url,
        client=client,
        actor=request.access.user,
    )
    return Status(201, made)


@router.get("/connections/{connection_id}", response=schemas.ConnectionOut, tags=["Connections"])
@api_rule(Permission.SETTINGS_VIEW)
def get_connection(request: ApiRequest, connection_id: UUID) -> Any:
    """One connection."""
    return get_or_404(api_rows.connections(request.access), connection_id)


@router.put("/connections/{connection_id}/credentials", response=schemas.ConnectionOut, tags=["Connections"])
@api_rule(Permission.SETTINGS_EDIT)
def replace_credentials(request: ApiRequest, connection_id: UUID, payload: schemas.CredentialsIn) -> Any:
    """Store new credentials."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    return connections.replace_credentials(
        connection=connection, credentials=payload.credentials, actor=request.access.user
    )


@router.get("/connections/{connection_id}/mode", response=schemas.ConnectionModeOut, tags=["Connections"])
@api_rule(Permission.SETTINGS_VIEW, whole=True)
def get_connection_mode(request: ApiRequest, connection_id: UUID) -> Any:
    """How conversations of a connection are learnt; empty where its provider leaves no choice."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    return {"connection_id": connection.id, "mode": connections.mode_of(connection)}


@router.put("/connections/{connection_id}/mode", response=schemas.ConnectionModeOut, tags=["Connections"])
@api_rule(Permission.SETTINGS_EDIT, whole=True)
def put_connection_mode(request: ApiRequest, connection_id: UUID, payload: schemas.ConnectionModeIn) -> Any:
    """Choose how conversations are learnt: by webhook only, or by reading what the account gives out as well."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    changed = connections.set_mode(connection=connection, mode=payload.mode, actor=request.access.user)
    return {"connection_id": changed.id, "mode": connections.mode_of(changed)}


@router.get(
    "/connections/{connection_id}/provider-accounts",
    response=list[schemas.ProviderAccountOut],
    tags=["Connections"],
)
@api_rule(Permission.SENDERS_EDIT)
def list_provider_accounts(request: ApiRequest, connection_id: UUID) -> Any:
    """The mailboxes or seats that are connected at a provider that runs campaigns, and which are senders here."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    if not accounts.takes_in(connection):
        raise Invalid("This provider does not run campaigns.", field="connection_id")
    return [
        {
            "account_id": row.account.account_id,
            "name": row.account.name,
            "address": row.account.address,
            "status": row.account.status,
            "status_raw": row.account.raw_status,
            "sender_id": row.sender.id if row.sender else None,
        }
        for row in numbers.offered(connection)
    ]


@router.post(
    "/connections/{connection_id}/provider-accounts",
    response={201: schemas.SenderOut},
    tags=["Connections"],
)
@api_rule(Permission.SENDERS_EDIT)
def add_provider_account(request: ApiRequest, connection_id: UUID, payload: schemas.ProviderAccountIn) -> Any:
    """Make an account of the provider a sender of a client."""
    made = accounts.add(
        connection=get_or_404(api_rows.connections(request.access), connection_id),
        client=get_or_404(request.access.clients().filter(is_archived=False), payload.client_id),
        account_id=payload.account_id,
        actor=request.access.user,
    )
    return Status(201, made)


@router.post("/connections/{connection_id}/test", response=schemas.CheckOut, tags=["Connections"])
@api_rule(Permission.SETTINGS_EDIT)
def test_connection(request: ApiRequest, connection_id: UUID) -> Any:
    """Try the credentials at the provider; nothing is changed there."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    return connections.try_out(connection=connection, actor=request.access.user)


@router.post("/connections/{connection_id}/accounts", response=schemas.LinkOut, tags=["Connections"])
@api_rule(Permission.SENDERS_EDIT)
def connect_account(request: ApiRequest, connection_id: UUID, payload: schemas.ConnectIn) -> Any:
    """Make a link at which the owner of a new account signs in."""
    return connecting.start(
        connection=get_or_404(api_rows.connections(request.access), connection_id),
        client=get_or_404(request.access.clients(), payload.client_id),
        return_path=payload.return_path,
        actor=request.access.user,
    )


@router.get("/connections/{connection_id}/webhooks", response=list[schemas.FindingOut], tags=["Connections"])
@api_rule(Permission.OPS_VIEW)
def check_webhooks(request: ApiRequest, connection_id: UUID) -> Any:
    """What is wrong with what is registered at the provider; empty if nothing is."""
    return list(connections.webhook_findings(get_or_404(api_rows.connections(request.access), connection_id)))


MENDED: dict[int, Any] = {200: list[schemas.FindingOut], 202: schemas.WebhookPassOut}


@router.post("/connections/{connection_id}/webhooks", response=MENDED, tags=["Connections"])
@api_rule(Permission.OPS_ACT)
def mend_webhooks(request: ApiRequest, connection_id: UUID) -> Any:
    """Register what is missing and remove what is wrong; answers what was mended. 202 where each campaign has webhooks
    of its own (Smartlead): it goes on by itself, and ``/analytics/webhook-health`` shows how far it is.
    """
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    return _mended(connection, hygiene.mend(connection=connection, actor=request.access.user))


def _mended(connection: Connection, found: tuple[WebhookFinding, ...] | None) -> Any:
    return Status(202, connection.webhooks_pass) if found is None else Status(200, list(found))


@router.post("/connections/{connection_id}/rotate-secret", response=MENDED, tags=["Connections"])
@api_rule(Permission.SETTINGS_EDIT)
def rotate_secret(request: ApiRequest, connection_id: UUID) -> Any:
    """Give the webhooks a new secret; calls with the old one are accepted until the next rotation. 202 as above."""
    connection = get_or_404(api_rows.connections(request.access), connection_id)
    return _mended(connection, hygiene.rotate_secret(connection=connection, actor=request.access.user))


# --- Outbox -----------------------------------------------------------------------------------------


@router.get("/outbox", response=PageOut[schemas.OutboundOut], tags=["Outbox"])
@api_rule(Permission.OPS_VIEW)
def list_outbox(request: ApiRequest, page: Query[PageIn], state: str = "") -> Any:
    """Intended sends, newest first; ``state=unknown`` are those that only the provider or a person can
    tell.
    """
    return page_of(api_rows.outbox(request.access, state=state), page, order=NEWEST)


@router.post("/outbox/{outbound_id}/decision", response=schemas.OutboundOut, tags=["Outbox"])
@api_rule(Permission.OPS_ACT)
def decide_outbound(request: ApiRequest, outbound_id: UUID, payload: schemas.DecisionIn) -> Any:
    """Say whether an uncertain send left, where the provider could not."""
    row: OutboundMessage = get_or_404(api_rows.outbox(request.access), outbound_id)
    if not settlement.decide(row, sent=payload.sent, actor=request.access.user):
        raise Refused("This send is not uncertain.", code="NOT_UNKNOWN")
    return row.refreshed()


@router.post("/outbox/{outbound_id}/retry", response=schemas.OutboundOut, tags=["Outbox"])
@api_rule(Permission.OPS_ACT)
def retry_outbound(request: ApiRequest, outbound_id: UUID) -> Any:
    """Queue a finally failed send again."""
    row: OutboundMessage = get_or_404(api_rows.outbox(request.access), outbound_id)
    if not outbox.retry(row, actor=request.access.user):
        raise Refused("Only a failed send can be tried again.", code="NOT_FAILED")
    return row.refreshed()


@router.get("/sends/certificate", response=schemas.CertificateOut, tags=["Outbox"])
@api_rule(Permission.OPS_VIEW)
def send_certificate(request: ApiRequest) -> Any:
    """Proof from the rows that nothing left twice, and every attempt that was ever uncertain."""
    request.access.require_whole_organization()
    return certification.certify().as_json()


# --- Kill switches ----------------------------------------------------------------------------------


@router.get("/kill-switches", response=list[schemas.SwitchOut], tags=["Kill switches"])
@api_rule(Permission.SENDERS_VIEW)
def list_switches(request: ApiRequest) -> Any:
    """Kill switches that are on."""
    return api_rows.kill_switches(request.access)


@router.post("/kill-switches", response=list[schemas.SwitchOut], tags=["Kill switches"])
@api_rule(Permission.SENDERS_EDIT)
def set_switch(request: ApiRequest, payload: schemas.SwitchIn) -> Any:
    """Stop sending from the next claim on, or let go; answers the switches that are on then."""
    access = request.access
    if payload.level == "organization":
        access.require_whole_organization()
        target_id = access.organization.id
    elif payload.target_id and api_rows.switch_target(access, payload.level, payload.target_id):
        target_id = payload.target_id
    else:
        raise Http404("There is nothing here, or it is not yours to see.")
    switches.switch(
        level=payload.level, target_id=target_id, on=payload.on, reason=payload.reason, actor=access.user
    )
    return api_rows.kill_switches(access)
