"""Connecting sender accounts: a one-time sign-in link with a nonce, and the provider's notice when it was
used.

The notice carries no proof of its origin (docs/providers/unipile.md, section 2), so it is only believed about
which account to look at: the account is read again from the provider, and the nonce must be one that we
handed out.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from integrations.base import ConnectsAccounts, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import Connection, ConnectRequest, SenderAccount
from integrations.services import senders
from integrations.services.adapters import adapter_of
from integrations.services.connections import webhook_url
from integrations.services.intake import Answer
from integrations.values import ConnectLink, ConnectNotice
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.scoping import organization_scope, platform_scope
from project.tenancy import audit
from project.tenancy.models import Client, User

log = structlog.get_logger(__name__)

LINK_LIFETIME: Final = timedelta(hours=2)


def _hash(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def start(
    *,
    connection: Connection,
    client: Client,
    return_path: str,
    actor: User,
    sender: SenderAccount | None = None,
) -> ConnectLink:
    """Make a sign-in link for a new account of ``client``, or for ``sender`` again. Raises ``ProviderError``.

    ``return_path`` is the page of ours that the person comes back to.
    """
    adapter = require(adapter_of(connection), ConnectsAccounts)
    nonce = secrets.token_urlsafe(24)
    expires_at = now() + LINK_LIFETIME
    with transaction.atomic():
        ConnectRequest.objects.create(
            connection=connection,
            client=client,
            sender=sender,
            nonce_hash=_hash(nonce),
            requested_by=actor,
            expires_at=expires_at,
        )
        audit.record(
            actor=actor,
            action="sender.reconnect_started" if sender else "sender.connect_started",
            subject=sender or connection,
            client_id=client.id,
        )
    page = f"{settings.PUBLIC_URL}{return_path}"
    return adapter.connect_link(
        reference=nonce,
        notify_url=f"{webhook_url(connection)}/connected",
        success_url=f"{page}?connected=1",
        failure_url=f"{page}?connected=0",
        expires_at=expires_at,
        reconnect_account_id=sender.provider_account_id if sender else None,
    )


def receive_notice(*, provider: str, key: str, body: bytes) -> Answer:
    """Take in the provider's notice about a used link; what is not ours is refused without a hint."""
    with platform_scope("find the connection of a notice"):
        connection = Connection.objects.filter(key=key, provider=provider).first()
    if connection is None:
        return Answer(404, "unknown address")
    with organization_scope(connection.organization_id):
        try:
            adapter = require(adapter_of(connection), ConnectsAccounts)
            notice = adapter.parse_connect_notice(body)
            return _finish(connection, adapter, notice)
        except ProviderError as error:
            if error.kind is ErrorKind.VALIDATION:
                return Answer(400, "not a notice")
            log.info("connect.notice_not_applied", kind=error.kind, raw_type=error.raw_type)
            return Answer(503, "not ready", retry_after=60)


def _finish(connection: Connection, adapter: ConnectsAccounts, notice: ConnectNotice) -> Answer:
    """Read the account again and make it a sender; the same notice twice makes one."""
    request = (
        ConnectRequest.objects.select_related("client", "sender", "requested_by")
        .filter(connection=connection, nonce_hash=_hash(notice.reference))
        .first()
    )
    if request is None or (request.used_at is None and request.expires_at < now()):
        return Answer(404, "unknown reference")
    if not notice.succeeded:
        ConnectRequest.objects.filter(id=request.id).update(result=notice.raw_status[:60])
        return Answer(200, "noted")
    if request.sender is not None and request.sender.provider_account_id != notice.account_id:
        ConnectRequest.objects.filter(id=request.id).update(result="another account")
        return Answer(200, "another account")
    account = adapter.get_account(notice.account_id)
    with transaction.atomic():
        unused = ConnectRequest.objects.filter(id=request.id, used_at=None)
        if not compare_and_set(unused, used_at=now(), result=notice.raw_status[:60]):
            return Answer(200, "known")
        sender = senders.adopt(
            connection=connection, client=request.client, account=account, actor=request.requested_by
        )
        ConnectRequest.objects.filter(id=request.id).update(sender=sender)
    return Answer(200, "connected")
