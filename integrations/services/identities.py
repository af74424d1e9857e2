"""E-mail addresses that a provider may send from: adding one as a sender account, and having it proven.

The provider mails a link to the address; until its owner follows it the account is ``connecting`` and nothing
leaves. ``senders.refresh`` asks how it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import available_timezones

from django.db import transaction
from email_validator import EmailNotValidError, validate_email

from integrations import registry, streams
from integrations.base import Adapter, Capability, ListsIpPools, VerifiesIdentities, require
from integrations.models import Connection, SenderAccount
from integrations.services import senders
from integrations.services.adapters import adapter_of
from integrations.values import AccountStatus, SenderIdentity
from project.core.clock import now
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

POSTAL_FIELDS: Final = ("address", "city", "zip", "country")
STATUSES: Final = {
    "verified": AccountStatus.OK,
    "pending": AccountStatus.CONNECTING,
    "failed": AccountStatus.ERROR,
}
_REASONS: Final = {
    "pending": "The owner of {address} has to follow the link in the mail that {provider} sent there.",
    "failed": "{provider} refuses to send from {address}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for when they add an address. ``postal`` is the sender's own, as laws demand it."""

    address: str
    name: str
    reply_to: str = ""
    signature: str = ""
    time_zone: str = ""
    ip_pool: str = ""
    postal: Mapping[str, str] = field(default_factory=dict)


def add(*, connection: Connection, client: Client, wanted: Wanted, actor: User) -> SenderAccount:
    """Have an address proven and make it a sender of ``client``; it may send once its owner followed the link.

    Raises ``Invalid`` naming the field, and ``ProviderError``.
    """
    if not verifies(connection):
        raise Invalid("No addresses can be added to this connection.", field="connection")
    checked = _checked(wanted)
    adapter = adapter_of(connection)
    if checked.ip_pool:
        _check_pool(adapter, checked.ip_pool)
    known = SenderAccount.objects.filter(connection=connection, address=checked.address)
    if known.exclude(status=SenderAccount.Status.DELETED).exists():
        raise Invalid("This address is a sender already.", field="address")
    identity = require(adapter, VerifiesIdentities).create_identity(
        address=checked.address, name=checked.name, reply_to=checked.reply_to, postal=dict(checked.postal)
    )
    return _store(connection, client, checked, identity, actor)


@transaction.atomic
def _store(
    connection: Connection, client: Client, wanted: Wanted, identity: SenderIdentity, actor: User
) -> SenderAccount:
    reason = _REASONS.get(identity.status, "").format(address=wanted.address, provider=label_of(connection))
    sender: SenderAccount
    sender, is_new = SenderAccount.objects.get_or_create(
        connection=connection,
        provider_account_id=identity.identity_id,
        defaults={
            "client": client,
            "channel": "email",
            "name": wanted.name,
            "address": wanted.address,
            "own_user_id": wanted.address,
            "own_user_ids": [wanted.address],
            "reply_to": wanted.reply_to,
            "signature": wanted.signature,
            "time_zone": wanted.time_zone or client.time_zone,
            "options": {"ip_pool": wanted.ip_pool} if wanted.ip_pool else {},
            # It begins as ``connecting``; only a change of the status would bring the reason.
            "status_reason": reason,
        },
    )
    if not is_new:
        raise Invalid("This address is a sender already.", field="address")
    audit.record(actor=actor, action="sender.connected", subject=sender, provider=connection.provider)
    senders.report_status(
        sender,
        status=STATUSES[identity.status],
        raw_status=identity.raw_status or identity.status,
        reported_at=now(),
        reason=reason,
    )
    streams.sender_changed(sender.id)
    return sender


def resend(*, sender: SenderAccount, actor: User) -> None:
    """Have the mail with the link sent again. Raises ``ProviderError``."""
    adapter = require(adapter_of(sender.connection), VerifiesIdentities)
    adapter.resend_verification(sender.provider_account_id)
    with transaction.atomic():
        audit.record(actor=actor, action="sender.verification_resent", subject=sender)


def change(*, sender: SenderAccount, values: Mapping[str, str], actor: User) -> SenderAccount:
    """Change what stands on an e-mail sender's mails: ``name``, ``reply_to``, ``signature``, ``ip_pool``.

    Raises ``Invalid`` naming the field, and ``ProviderError`` where an IP pool has to be looked up.
    """
    if sender.channel != "email":
        raise Invalid("Only what stands on e-mails can be changed here.")
    pool = values.get("ip_pool", str(sender.options.get("ip_pool", ""))).strip()
    if pool and pool != sender.options.get("ip_pool"):
        _check_pool(adapter_of(sender.connection), pool)
    reply_to = values.get("reply_to", sender.reply_to).strip()
    with transaction.atomic():
        sender.name = _name(values.get("name", sender.name))
        sender.reply_to = _address(reply_to, "reply_to") if reply_to else ""
        sender.signature = values.get("signature", sender.signature).strip()
        sender.options = {**sender.options, "ip_pool": pool}
        sender.save(update_fields=["name", "reply_to", "signature", "options", "updated_at"])
        audit.record(actor=actor, action="sender.changed", subject=sender)
        streams.sender_changed(sender.id)
    return sender


def verifies(connection: Connection) -> bool:
    """Say whether a connection's provider proves addresses."""
    return registry.can(connection.provider, Capability.VERIFIES_IDENTITIES)


def label_of(connection: Connection) -> str:
    """Return the provider's name as it is shown."""
    return registry.get(connection.provider).label


def _check_pool(adapter: Adapter, pool: str) -> None:
    if pool not in require(adapter, ListsIpPools).list_ip_pools():
        raise Invalid(f"There is no IP pool {pool!r}.", field="ip_pool")


def _checked(wanted: Wanted) -> Wanted:
    zone = wanted.time_zone.strip()
    if zone and zone not in available_timezones():
        raise Invalid(f"There is no time zone {zone!r}.", field="time_zone")
    postal = {name: wanted.postal.get(name, "").strip() for name in POSTAL_FIELDS}
    for name in ("address", "city", "country"):
        if not postal[name]:
            raise Invalid("The sender's postal address is needed: laws demand it.", field=f"postal_{name}")
    reply_to = wanted.reply_to.strip()
    return Wanted(
        address=_address(wanted.address, "address"),
        name=_name(wanted.name),
        reply_to=_address(reply_to, "reply_to") if reply_to else "",
        signature=wanted.signature.strip(),
        time_zone=zone,
        ip_pool=wanted.ip_pool.strip(),
        postal=postal,
    )


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 120:
        raise Invalid("The sender needs a name of at most 120 characters.", field="name")
    return name


def _address(text: str, field_name: str) -> str:
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise Invalid(str(error), field=field_name) from error
    return str(found.normalized).lower()
