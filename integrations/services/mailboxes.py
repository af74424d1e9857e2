"""Mailboxes as sender accounts: one connection and one sender for each, added, tested and changed together.

Servers that a person types are held to the public internet; blank ones are the installation's own
(``settings.MAILBOX_BASE_URL``). Passwords are encrypted and never shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction
from email_validator import EmailNotValidError, validate_email

from integrations import streams
from integrations.errors import ProviderError
from integrations.models import Connection, SenderAccount
from integrations.providers.mailbox.presets import Preset, preset_for
from integrations.providers.mailbox.servers import STARTTLS, TLS
from integrations.services import connections, freshness, senders, sync
from integrations.services.adapters import credentials_of
from integrations.values import AccountStatus, CredentialCheck
from project.core import crypto
from project.core.clock import now
from project.core.http import AddressRefusedError, check_url
from project.core.refusals import Invalid
from project.tenancy import audit
from project.tenancy.models import Client, User

PROVIDER: Final = "mailbox"
#: What a person may set about the servers; all of it is shown again but the password.
SERVER_FIELDS: Final = (
    "username", "smtp_host", "smtp_port", "smtp_security", "imap_host", "imap_port", "imap_security",
    "sent_folder", "saves_sent", "reads_junk",
)  # fmt: skip
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "smtp_security": ("", TLS, STARTTLS),
    "imap_security": ("", TLS, STARTTLS),
    "saves_sent": ("", "yes", "no"),
    "reads_junk": ("", "yes", "no"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for when they add a mailbox. ``servers`` has ``SERVER_FIELDS``, any of them blank."""

    address: str
    name: str
    password: str
    reply_to: str = ""
    signature: str = ""
    time_zone: str = ""
    servers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Added:
    """A new mailbox and what its test said."""

    sender: SenderAccount
    check: CredentialCheck


def add(*, client: Client, wanted: Wanted, actor: User | None) -> Added:
    """Store a mailbox, try it out, and begin to read it. One that cannot be signed in to is stored as such.

    Raises ``Invalid`` naming the field.
    """
    address = _address(wanted.address, "address")
    if not wanted.name.strip():
        raise Invalid("A name is needed: it stands beside the address.", field="name")
    if not wanted.password.strip():
        raise Invalid("The password is needed.", field="password")
    if wanted.time_zone and wanted.time_zone not in available_timezones():
        raise Invalid(f"There is no time zone {wanted.time_zone[:40]!r}.", field="time_zone")
    reply_to = _address(wanted.reply_to, "reply_to") if wanted.reply_to.strip() else ""
    known = SenderAccount.objects.filter(connection__provider=PROVIDER, provider_account_id=address)
    if known.exclude(status=SenderAccount.Status.DELETED).exists():
        raise Invalid("This mailbox is a sender already.", field="address")
    credentials = {"address": address, "password": wanted.password, **_servers(address, wanted.servers)}
    with transaction.atomic():
        connection: Connection = Connection.objects.create(
            provider=PROVIDER, name=address, client=client, credentials=crypto.encrypt(credentials)
        )
        sender: SenderAccount = SenderAccount.objects.create(
            client=client,
            connection=connection,
            channel="email",
            name=wanted.name.strip()[:120],
            provider_account_id=address[:120],
            own_user_id=address,
            own_user_ids=[address],
            address=address,
            reply_to=reply_to,
            signature=wanted.signature.strip(),
            time_zone=wanted.time_zone or client.time_zone,
        )
        audit.record(actor=actor, action="sender.connected", subject=sender, provider=PROVIDER)
        streams.sender_changed(sender.id)
    return Added(sender, try_out(sender=sender, actor=actor))


def change_servers(
    *, sender: SenderAccount, servers: Mapping[str, str], password: str, actor: User
) -> CredentialCheck:
    """Store other servers or another password (blank: the one there is), and try them out. Raises ``Invalid``."""
    with transaction.atomic():
        connection = Connection.objects.select_for_update(of=("self",)).get(id=sender.connection_id)
        values = credentials_of(connection)
        values.update(_servers(sender.address, servers))
        if password.strip():
            values["password"] = password
        connection.credentials = crypto.encrypt(values)
        connection.status = Connection.Status.UNTESTED
        connection.last_error = ""
        connection.save(update_fields=["credentials", "status", "last_error", "updated_at"])
        audit.record(actor=actor, action="connection.credentials_replaced", subject=connection)
    sender.connection = connection
    return try_out(sender=sender, actor=actor)


def try_out(*, sender: SenderAccount, actor: User | None = None) -> CredentialCheck:
    """Sign in to the mailbox and store how it is; one that works is read at once."""
    asked_at = now()
    check = connections.try_out(connection=sender.connection, actor=actor)
    if not check.ok:
        _report_refusal(sender)
        return check
    with transaction.atomic():
        senders.report_status(sender, status=AccountStatus.OK, raw_status="signed in", reported_at=asked_at)
        sync.request(sender=sender, resource=freshness.MESSAGES, trigger="tested")
    return check


def _report_refusal(sender: SenderAccount) -> None:
    """Store a refused sign-in; a server that does not answer says nothing about the account."""
    try:
        senders.refresh(sender=sender)
    except ProviderError:
        return


def servers_of(sender: SenderAccount) -> dict[str, str]:
    """Return what is set about the servers, without the password. Raises ``ProviderError`` of kind ``config``."""
    values = credentials_of(sender.connection)
    return {name: str(values.get(name, "")) for name in SERVER_FIELDS}


def is_mailbox(sender: SenderAccount) -> bool:
    """Say whether a sender is a mailbox of its own; reads ``sender.connection``."""
    return bool(sender.connection.provider == PROVIDER)


def suggested(address: str) -> Preset | None:
    """Return the servers of an address's provider, if it is a known one. May ask the domain's name servers."""
    return preset_for(address)


def _servers(address: str, given: Mapping[str, str]) -> dict[str, str]:
    """Check what was typed; hosts that are blank come from the preset or are the installation's own."""
    values = {name: str(given.get(name, "") or "").strip() for name in SERVER_FIELDS}
    for name, allowed in _CHOICES.items():
        if values[name] not in allowed:
            raise Invalid(f"{values[name][:20]!r} is not among the choices.", field=name)
    if not values["smtp_host"] and not values["imap_host"]:
        values |= _usual(address, values)
    for name in ("smtp", "imap"):
        _check_server(name, values)
    return values


def _usual(address: str, values: dict[str, str]) -> dict[str, Any]:
    preset = preset_for(address)
    if preset is None:
        return {}
    saves = {True: "yes", False: "no", None: ""}[preset.saves_sent]
    return {
        "smtp_host": preset.smtp_host,
        "smtp_port": str(preset.smtp_port),
        "smtp_security": preset.smtp_security,
        "imap_host": preset.imap_host,
        "imap_port": str(preset.imap_port),
        "imap_security": preset.imap_security,
        "saves_sent": values["saves_sent"] or saves,
    }


def _check_server(name: str, values: dict[str, str]) -> None:
    host, port = values[f"{name}_host"], values[f"{name}_port"]
    if not host:
        if not settings.MAILBOX_BASE_URL:
            raise Invalid(f"The {name.upper()} server is needed.", field=f"{name}_host")
        return
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise Invalid("A port is a number between 1 and 65535.", field=f"{name}_port")
    shown = f"[{host}]" if ":" in host else host
    try:
        # Judged again at each connection; here it only tells early (project.core.http.guard).
        check_url(f"https://{shown}:{port or 993}")
    except AddressRefusedError as error:
        raise Invalid(str(error), field=f"{name}_host") from error


def _address(text: str, name: str) -> str:
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid(f"{text.strip()[:80]!r} is not an e-mail address.", field=name) from error
    return found.normalized.lower()
