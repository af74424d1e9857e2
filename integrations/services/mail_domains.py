"""Checks of sending domains: asked for by people and once a day, done in the background, kept with their time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from integrations import streams
from integrations.errors import ProviderError
from integrations.mail import authentication
from integrations.mail.authentication import MAILERS, DnsNames, HttpNames, Mailer, Names, SilentNames
from integrations.models import Channel, MailDomain, SenderAccount
from integrations.services.adapters import credentials_of
from project.core.clock import now
from project.core.refusals import Refused
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

EVERY: Final = timedelta(hours=24)
#: A check that did not come back by then was lost with its worker.
LOST_AFTER: Final = timedelta(minutes=5)
MOST_AT_ONCE: Final = 200
#: Who hands a mailbox's mail over, by the end of its outgoing server's name.
_SERVERS: Final = {
    "gmail.com": "google",
    "google.com": "google",
    "office365.com": "microsoft",
    "outlook.com": "microsoft",
}


def domain_of(sender: SenderAccount) -> str:
    """The domain that an e-mail account writes from; blank for others."""
    if sender.channel != Channel.EMAIL:
        return ""
    return sender.address.rpartition("@")[2].lower()


def names() -> Names:
    """Return what asks the name service: nobody, a resolver over HTTP, or the system's."""
    if not settings.ADDRESS_LOOKUPS:
        return SilentNames()
    return HttpNames(settings.NAME_SERVICE_URL) if settings.NAME_SERVICE_URL else DnsNames()


@transaction.atomic
def request(*, sender: SenderAccount, actor: User | None) -> MailDomain:
    """Ask for a check of an account's domain. Raises ``Refused`` for accounts that send no mail."""
    name = domain_of(sender)
    if not name:
        raise Refused("Only e-mail accounts have a mail domain.", code="NO_MAIL_DOMAIN")
    row, _ = MailDomain.objects.get_or_create(name=name)
    MailDomain.objects.filter(id=row.id).update(requested_at=now())
    _ask(row.id)
    audit.record(actor=actor, action="sender.domain_checked", subject=sender, domain=name)
    streams.sender_changed(sender.id)
    found: MailDomain = row.refreshed()
    return found


def request_due() -> int:
    """Ask for the checks that are due in one organization: domains never seen, a day old, or lost on the way."""
    at = now()
    rows = SenderAccount.objects.filter(channel=Channel.EMAIL).exclude(status=SenderAccount.Status.DELETED)
    wanted = {domain_of(sender) for sender in rows.only("channel", "address", "organization_id")} - {""}
    known = set(MailDomain.objects.filter(name__in=wanted).values_list("name", flat=True))
    MailDomain.objects.bulk_create(
        [MailDomain(name=name) for name in sorted(wanted - known)[:MOST_AT_ONCE]], ignore_conflicts=True
    )
    old = Q(checked_at=None) | Q(checked_at__lt=at - EVERY)
    free = Q(requested_at=None) | Q(requested_at__lt=at - LOST_AFTER)
    due = list(
        MailDomain.objects.filter(old, free, name__in=wanted).values_list("id", flat=True)[:MOST_AT_ONCE]
    )
    with transaction.atomic():
        MailDomain.objects.filter(id__in=due).update(requested_at=at)
        for domain_id in due:
            _ask(domain_id)
    return len(due)


def check(domain_id: UUID) -> str:
    """Ask the name service about a domain and keep what it says; no transaction is open meanwhile."""
    row = MailDomain.objects.filter(id=domain_id).first()
    if row is None:
        return "The domain is gone."
    senders = list(
        SenderAccount.objects.filter(channel=Channel.EMAIL, address__iendswith=f"@{row.name}").select_related(
            "connection"
        )[:MOST_AT_ONCE]
    )
    found = [one.stored() for one in authentication.check(row.name, mailers_of(senders), names())]
    at = now()
    changed = row.changed_at
    if row.checked_at is not None and [one["found"] for one in row.findings] != [
        one["found"] for one in found
    ]:
        changed = at
    with transaction.atomic():
        MailDomain.objects.filter(id=row.id).update(
            findings=found, checked_at=at, requested_at=None, changed_at=changed, updated_at=at
        )
        for sender in senders:
            streams.sender_changed(sender.id)
    return ", ".join(f"{one['kind']} {one['verdict']}" for one in found)


def mailers_of(senders: list[SenderAccount]) -> list[Mailer]:
    """Who hands the mail of accounts over, each once, as far as that is known."""
    return [MAILERS[kind] for kind in dict.fromkeys(_mailer(sender) for sender in senders) if kind in MAILERS]


def _mailer(sender: SenderAccount) -> str:
    if sender.connection.provider in MAILERS:
        return str(sender.connection.provider)
    if sender.connection.provider != "mailbox":
        return ""
    try:
        host = str(credentials_of(sender.connection).get("smtp_host", ""))
    except ProviderError:
        return ""
    return next((kind for end, kind in _SERVERS.items() if host.lower().endswith(end)), "")


def _ask(domain_id: UUID) -> None:
    from integrations.tasks import check_mail_domain  # tasks call services; they import this module

    enqueue(check_mail_domain, domain_id=domain_id)
