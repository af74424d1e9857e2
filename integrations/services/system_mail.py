"""The installation's own mail: an outbox of rows, handed over by workers, and followed to delivery.

``send`` writes a row; the mail leaves after the transaction has committed. Through Resend each row is its idempotency
key, so that a try whose outcome is unknown is simply made again, within the day for which the key is kept. Through
Django's backends (SMTP, files) a worker that dies in the moment of handing over may send a mail twice, never lose it.

Everything of the product that writes mail uses this, or Django's mail API: ``mail_backends.ResendBackend`` leads here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import parseaddr
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import F, Q

from integrations import metrics, registry
from integrations.backoff import wait_after
from integrations.base import SendsEmail, require
from integrations.errors import ErrorKind, ProviderError
from integrations.models import SystemMail
from integrations.values import OutgoingAttachment, OutgoingEmail
from project.core import crypto
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.db.outages import outlast_outage
from project.core.ids import uuid7
from project.core.tasks import enqueue

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=2)
#: Resend keeps a key for 24 hours; later the same request would be another mail.
KEY_LIFE: Final = timedelta(hours=23)
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 1800.0
SWEEP_BATCH: Final = 100
#: Kinds of errors that are tried again while the key lives: they pass, or the operator mends them.
_AGAIN: Final = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.QUOTA,
        ErrorKind.UNAVAILABLE,
        ErrorKind.TIMEOUT,
        ErrorKind.INDETERMINATE,
        ErrorKind.AUTH,
        ErrorKind.CONFIG,
    }
)
State = SystemMail.State


@transaction.atomic
def send(
    *,
    to: str,
    subject: str,
    text: str,
    kind: str,
    html: str = "",
    key: str = "",
    reply_to: str = "",
    from_email: str = "",
    headers: dict[str, str] | None = None,
    attachments: Sequence[tuple[str, bytes, str]] = (),
) -> SystemMail | None:
    """Put one mail to one person into the outbox; ``None`` if its ``key`` is there already.

    ``attachments`` are (name, content, media type). Without a ``key`` each call is a mail of its own.
    """
    mail_id = uuid7()
    content = {
        "text": text,
        "html": html,
        "reply_to": reply_to,
        "headers": headers or {},
        "attachments": [
            {"name": name, "type": media, "content": base64.b64encode(data).decode()}
            for name, data, media in attachments
        ],
    }
    mail = SystemMail(
        id=mail_id,
        key=(key or str(mail_id))[:200],
        kind=kind[:40],
        sender=(from_email or settings.DEFAULT_FROM_EMAIL)[:320],
        recipient=to.strip()[:254],
        subject=" ".join(subject.split())[:500],
        content=crypto.encrypt(content),
    )
    SystemMail.objects.bulk_create([mail], ignore_conflicts=True)
    if not SystemMail.objects.filter(id=mail_id).exists():
        return None
    _hint(mail_id)
    return mail


def _hint(mail_id: UUID) -> None:
    from integrations.tasks import deliver_system_mail  # tasks call services

    enqueue(deliver_system_mail, mail_id=mail_id)


def through_resend() -> bool:
    """Say whether mail leaves through Resend rather than Django's own backend."""
    return bool(settings.EMAIL_BACKEND == settings.RESEND_BACKEND)


def deliver(mail_id: UUID) -> str:
    """Hand one due mail over, once; return its state afterwards, ``""`` if it was not due or not ours."""
    mail = _claim(mail_id)
    if mail is None:
        return ""
    if mail.first_attempt_at is not None and mail.first_attempt_at < now() - KEY_LIFE:
        return _failed(mail, mail.error or "It could not be sent for a day.")
    # Without the outcome the lease would run out, and another worker hand it over a second time.
    return outlast_outage(_handed_over(mail), within=LEASE)


def _handed_over(mail: SystemMail) -> Callable[[], str]:
    """Hand a mail over, and return what stores the outcome."""
    try:
        email = _email(mail)
        provider_id = _hand_to_resend(email) if through_resend() else _hand_to_django(mail, email)
    except ProviderError as error:
        if error.kind in _AGAIN:
            return partial(_again, mail, error.message, error.retry_after)
        if error.kind is ErrorKind.ALREADY_DONE:
            return partial(_sent, mail, "")
        return partial(_failed, mail, f"{error.message} {error.detail}".strip())
    except crypto.CredentialsUnreadable as error:
        return partial(_failed, mail, str(error))
    except OSError as error:  # what SMTP and files fail with
        return partial(_again, mail, f"{type(error).__name__}: {error}", None)
    return partial(_sent, mail, provider_id)


def _claim(mail_id: UUID) -> SystemMail | None:
    at = now()
    row = SystemMail.objects.filter(id=mail_id)
    due = row.filter(
        Q(state=State.QUEUED, not_before__lte=at) | Q(state=State.SENDING, claimed_until__lte=at)
    )
    until = at + LEASE
    if not compare_and_set(
        due, state=State.SENDING, claimed_until=until, not_before=until, attempts=F("attempts") + 1
    ):
        return None
    SystemMail.objects.filter(id=mail_id, first_attempt_at=None).update(first_attempt_at=at)
    return row.get()


def _email(mail: SystemMail) -> OutgoingEmail:
    content: dict[str, Any] = crypto.decrypt(mail.content)
    name, address = parseaddr(mail.sender)
    return OutgoingEmail(
        send_id=str(mail.id),
        message_id=f"<{mail.id.hex}@{address.rpartition('@')[2] or 'localhost'}>",
        from_email=address,
        from_name=name,
        reply_to=content["reply_to"],
        to_email=mail.recipient,
        subject=mail.subject,
        text=content["text"],
        html=content["html"],
        headers=content["headers"],
        attachments=tuple(
            OutgoingAttachment(
                name=item["name"], mime_type=item["type"], content=base64.b64decode(item["content"])
            )
            for item in content["attachments"]
        ),
        tags=(mail.kind,),
    )


def _hand_to_resend(email: OutgoingEmail) -> str:
    adapter = registry.adapter_for(
        "resend", credentials={"api_key": settings.RESEND_API_KEY or ""}, connection_id="system"
    )
    return require(adapter, SendsEmail).send_email(account_id=email.from_email, email=email).message_id


def _hand_to_django(mail: SystemMail, email: OutgoingEmail) -> str:
    message = EmailMultiAlternatives(
        email.subject,
        email.text,
        mail.sender,
        [email.to_email],
        headers={"Message-ID": email.message_id, **email.headers},
        reply_to=[email.reply_to] if email.reply_to else None,
        connection=get_connection(),
    )
    if email.html:
        message.attach_alternative(email.html, "text/html")
    for item in email.attachments:
        message.attach(item.name, item.content, item.mime_type)
    message.send()
    return ""


def _held(mail: SystemMail) -> Any:
    """The row, as long as nobody claimed it after us."""
    return SystemMail.objects.filter(id=mail.id, state=State.SENDING, attempts=mail.attempts)


def _sent(mail: SystemMail, provider_id: str) -> str:
    transport = "resend" if through_resend() else "django"
    # A report may have come before our answer: what is known stays, only the ids are filled in.
    SystemMail.objects.filter(id=mail.id, sent_at=None).update(
        provider_id=provider_id[:200], transport=transport, sent_at=now(), content="", error=""
    )
    compare_and_set(_held(mail), state=State.SENT, claimed_until=None)
    metrics.SYSTEM_MAILS.labels(mail.kind, "sent").inc()
    return str(State.SENT)


def _again(mail: SystemMail, error: str, retry_after: float | None) -> str:
    pause = retry_after or wait_after(mail.attempts, first=FIRST_WAIT_S, cap=LONGEST_WAIT_S)
    log.warning("system_mail.put_off", mail=str(mail.id), kind=mail.kind, error=error)
    compare_and_set(
        _held(mail),
        state=State.QUEUED,
        claimed_until=None,
        not_before=now() + timedelta(seconds=pause),
        error=error[:500],
    )
    metrics.SYSTEM_MAILS.labels(mail.kind, "again").inc()
    return str(State.QUEUED)


def _failed(mail: SystemMail, error: str) -> str:
    log.error("system_mail.failed", mail=str(mail.id), kind=mail.kind, error=error)
    compare_and_set(_held(mail), state=State.FAILED, claimed_until=None, content="", error=error[:500])
    metrics.SYSTEM_MAILS.labels(mail.kind, "failed").inc()
    return str(State.FAILED)


def sweep() -> int:
    """Hint again at mails that are due and forgotten; return how many."""
    rows = SystemMail.objects.filter(state__in=[State.QUEUED, State.SENDING], not_before__lte=now())
    found = list(rows.order_by("not_before").values_list("id", flat=True)[:SWEEP_BATCH])
    with transaction.atomic():
        for mail_id in found:
            _hint(mail_id)
    return len(found)
