"""Who is told of what: the notices of one happening, and the ways on which each is due.

Choices are of a person, an occasion and a way, of one client or of all; whatever nobody chose has a default. A notice
is unique by its key, so a fact that comes twice tells nobody twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from inbox.events import (
    ConversationAssigned,
    ConversationReleased,
    ConversationTaken,
    NoteAdded,
    PromiseAtRisk,
    PromiseBroken,
    ReplyCalledOff,
    ReplyFailed,
    ReplyStored,
)
from inbox.models import (
    Conversation,
    Notification,
    NotificationChoice,
    NotificationDelivery,
    NotificationSettings,
    Occasion,
    PushSubscription,
    Way,
)
from inbox.services import threads
from project.core import crypto
from project.core.clock import now
from project.core.http import AddressRefusedError
from project.core.http.guard import check_url
from project.core.realtime import emit
from project.core.refusals import Invalid
from project.core.tasks import enqueue
from project.tenancy.models import Client, Membership, MembershipClient, Role, User
from project.tenancy.streams import user_stream

#: What is on where nobody has chosen. Ways with an address of one's own are on once there is one.
DEFAULTS: Final[dict[tuple[str, str], bool]] = {
    (occasion, way): way in {Way.BROWSER, Way.SLACK, Way.WEBHOOK}
    or (way == Way.EMAIL and occasion in {Occasion.MENTION, Occasion.FAILED})
    for occasion in Occasion.values
    for way in Way.values
}
#: Addresses that are called.
_URLS: Final = frozenset({"slack_url", "webhook_url"})
#: Ways that need an address of the person's own.
_OWN_ADDRESS: Final = {Way.SLACK.value: "slack_url", Way.WEBHOOK.value: "webhook_url"}
_ANSWERING: Final = (Role.ADMIN, Role.MANAGER, Role.AGENT)
#: More people than this are not told of one reply that nobody has taken.
MAX_TOLD: Final = 50


# --- happenings -------------------------------------------------------------------------------------


def on_reply(event: ReplyStored) -> None:
    """Tell whose conversation it is, else everybody who may take it. What is no news is told to nobody."""
    if not event.is_news:
        return
    conversation, message = event.conversation, event.message
    people = _whose(conversation)
    occasion = Occasion.REPLY if people else Occasion.UNASSIGNED
    people = people or _who_may_take(conversation.client_id)
    _tell(
        people,
        conversation,
        occasion,
        key=f"reply:{message.id}",
        title=f"{conversation.title} replied",
        text=" ".join(message.body.split()),
    )


def on_note(event: NoteAdded) -> None:
    """Tell those whom a note mentions; nobody of their own."""
    people = [person.id for person in event.mentioned if person.id != event.author.id]
    _tell(
        people,
        event.conversation,
        Occasion.MENTION,
        key=f"note:{event.note.id}",
        title=f"{event.author.display_name} mentioned you: {event.conversation.title}",
        text=" ".join(event.note.body.split()),
    )


def on_assigned(event: ConversationAssigned) -> None:
    """Tell whoever was given a conversation by somebody else."""
    if event.actor is None or event.assignee.id != event.actor.id:
        who = event.actor.display_name if event.actor is not None else "A rule"
        _tell(
            [event.assignee.id],
            event.conversation,
            Occasion.ASSIGNED,
            key=f"assigned:{event.conversation.id}:{threads.revision_of(event.conversation)}",
            title=f"{who} gave you {event.conversation.title}",
            text=event.conversation.last_snippet,
        )


def on_taken(event: ConversationTaken) -> None:
    """Tell whoever had a conversation for some minutes that it is theirs no more, and whose it is now."""
    who, what, has = event.actor.display_name, event.conversation.title, event.conversation.assignee
    if has is None:
        title = f"{who} took you off {what}, and nobody has them now"
    elif has.id == event.actor.id:
        title = f"{who} took {what} from you"
    else:
        title = f"{who} gave {what}, whom you had, to {has.display_name}"
    _tell(
        [event.holder.id],
        event.conversation,
        Occasion.ASSIGNED,
        key=f"taken:{event.conversation.id}:{threads.revision_of(event.conversation)}",
        title=title,
        text=event.conversation.last_snippet,
    )


def on_released(event: ConversationReleased) -> None:
    """Tell everybody who may take it that a hot conversation has nobody again."""
    _tell(
        _who_may_take(event.conversation.client_id),
        event.conversation,
        Occasion.UNASSIGNED,
        key=f"released:{event.conversation.id}:{threads.revision_of(event.conversation)}",
        title=f"{event.conversation.title} waits, and nobody has them any more",
        text=event.conversation.last_snippet,
    )


def on_at_risk(event: PromiseAtRisk) -> None:
    """Tell whoever has to answer that the promised time is nearly over."""
    _tell_late(event.conversation, event.due_at, "risk", "waits for an answer that is due soon")


def on_promise_broken(event: PromiseBroken) -> None:
    """Tell whoever has to answer that it is late."""
    _tell_late(event.conversation, event.due_at, "late", "waits, and the answer is late")


def _tell_late(conversation: Conversation, due_at: datetime, kind: str, what: str) -> None:
    _tell(
        _whose(conversation) or _who_may_take(conversation.client_id),
        conversation,
        Occasion.LATE,
        key=f"{kind}:{conversation.id}:{due_at.isoformat()}",
        title=f"{conversation.title} {what}",
        text=conversation.last_snippet,
    )


def _whose(conversation: Conversation) -> list[UUID]:
    """Whoever has a conversation; nobody where they work here no more: then it is the team's."""
    people = [conversation.assignee_id] if conversation.assignee_id is not None else []
    return _who_reach(people, conversation.client_id)


def on_failed(event: ReplyFailed) -> None:
    """Tell the author of a reply that was not sent."""
    if event.message.author_id is not None:
        _tell(
            [event.message.author_id],
            event.conversation,
            Occasion.FAILED,
            key=f"failed:{event.message.id}:{event.message.outbound.attempts if event.message.outbound else 0}",
            title=f"Your reply to {event.conversation.title} was not sent",
            text=event.message.failure,
        )


def on_called_off(event: ReplyCalledOff) -> None:
    """Tell the author of a reply that had not left that it does not leave."""
    if event.message.author_id is not None:
        _tell(
            [event.message.author_id],
            event.conversation,
            Occasion.FAILED,
            key=f"called_off:{event.message.id}",
            title=f"{event.conversation.title} wrote first, so your reply that had not left stays here",
            text=" ".join(event.message.body.split()),
        )


def _who_may_take(client_id: UUID) -> list[UUID]:
    members = Membership.objects.filter(is_active=True, role__in=_ANSWERING)
    limited = MembershipClient.objects.filter(client_id=client_id).values("membership_id")
    rows = members.filter(all_clients=True) | members.filter(id__in=limited)
    return list(rows.order_by("user_id").values_list("user_id", flat=True).distinct()[:MAX_TOLD])


def _who_reach(people: list[UUID], client_id: UUID) -> list[UUID]:
    """Those who are members still and reach the client still: nobody else is told what is said there."""
    rows = Membership.objects.filter(user_id__in=people, is_active=True).filter(
        Q(all_clients=True) | Q(client_links__client_id=client_id)
    )
    reach = set(rows.values_list("user_id", flat=True))
    return [person for person in people if person in reach]


@transaction.atomic
def _tell(
    people: list[UUID], conversation: Conversation, occasion: str, *, key: str, title: str, text: str
) -> None:
    people = _who_reach(people, conversation.client_id)
    if not settings.NOTIFICATIONS_ENABLED or not people:
        return
    known = set(Notification.objects.filter(user_id__in=people, key=key).values_list("user_id", flat=True))
    chosen = _ways(people, conversation.client_id, occasion)
    at = now()
    for user_id in people:
        if user_id in known:
            continue
        ways, batch = chosen[user_id]
        if not ways:
            continue
        made: Notification = Notification.objects.create(
            user_id=user_id,
            client_id=conversation.client_id,
            conversation=conversation,
            occasion=occasion,
            key=key,
            title=title[:200],
            text=text[:300],
            occurred_at=at,
        )
        NotificationDelivery.objects.bulk_create(
            [
                NotificationDelivery(
                    notification=made, user_id=user_id, way=way, due_at=_due(user_id, way, at, batch)
                )
                for way in sorted(ways)
            ]
        )
        emit(
            stream=user_stream(user_id),
            kind="notification.new",
            subject=("notification", made.id),
            data={"title": made.title, "text": made.text, "conversation": str(conversation.id)},
        )
    _hint()


def _due(user_id: UUID, way: str, at: datetime, batch: int) -> datetime:
    """When a notice leaves: at once where somebody looks, else together with what gathers there already.

    What was put off (quiet hours, too many in an hour) gathers nothing: it may wait for another day.
    """
    latest = at + timedelta(minutes=batch)
    if way not in {Way.EMAIL, Way.SLACK}:
        return at
    gathering = NotificationDelivery.objects.filter(
        user_id=user_id, way=way, state=NotificationDelivery.State.DUE, due_at__gt=at, due_at__lte=latest
    )
    first: datetime | None = gathering.order_by("due_at").values_list("due_at", flat=True).first()
    return first or latest


def _ways(people: list[UUID], client_id: UUID, occasion: str) -> dict[UUID, tuple[set[str], int]]:
    """The ways that each of several people has on for an occasion of a client, and how long theirs gather."""
    own = {row.user_id: row for row in NotificationSettings.objects.filter(user_id__in=people)}
    choices: dict[tuple[UUID, str], bool] = {}
    rows = NotificationChoice.objects.filter(user_id__in=people, occasion=occasion)
    # Those of the client come last, so that they win over those of all.
    for row in sorted(
        rows.filter(client=None) | rows.filter(client_id=client_id), key=lambda row: row.client_id is not None
    ):
        choices[row.user_id, row.way] = row.is_on
    found = {}
    for user_id in people:
        mine = own.get(user_id)
        addresses = addresses_of(mine)
        possible = {Way.BROWSER.value, Way.EMAIL.value}
        possible |= {way for way, name in _OWN_ADDRESS.items() if addresses.get(name)}
        is_on = mine is None or mine.is_on
        ways = (
            {way for way in possible if choices.get((user_id, way), DEFAULTS[occasion, way])}
            if is_on
            else set()
        )
        found[user_id] = (ways, mine.batch_minutes if mine is not None else 5)
    return found


def _hint() -> None:
    from inbox.tasks import deliver_notifications  # tasks call services

    enqueue(deliver_notifications)


# --- what people choose -----------------------------------------------------------------------------


def settings_of(user: User) -> NotificationSettings:
    """A person's settings, as stored or as they are by default."""
    found: NotificationSettings | None = NotificationSettings.objects.filter(user=user).first()
    return found or NotificationSettings(user=user, time_zone=user.time_zone or "UTC")


def addresses_of(found: NotificationSettings | None) -> dict[str, Any]:
    """The addresses of a person's own, decrypted."""
    return crypto.decrypt(found.addresses) if found is not None else {}


@transaction.atomic
def save_settings(*, user: User, values: dict[str, Any], addresses: dict[str, str]) -> NotificationSettings:
    """Keep how a person wants to be told. Empty addresses are taken away, missing ones stay.

    Raises ``Invalid`` for an address that is none, or that lies in a private network.
    """
    row = settings_of(user)
    for name in ("is_on", "time_zone", "quiet_from", "quiet_until", "batch_minutes", "hourly_limit"):
        if name in values:
            setattr(row, name, values[name])
    known = addresses_of(row)
    for name, value in addresses.items():
        if value and name in _URLS:
            try:
                check_url(value)
            except AddressRefusedError as error:
                raise Invalid(str(error), field=name) from error
            if not value.startswith("https://"):
                raise Invalid("The address must begin with https://.", field=name)
        known[name] = value
    row.addresses = crypto.encrypt({name: value for name, value in known.items() if value})
    row.save()
    # What was put off is looked at again: whoever ends their quiet hours waits for nothing any more.
    put_off = NotificationDelivery.objects.filter(
        user=user, state=NotificationDelivery.State.DUE, attempts=0, due_at__gt=now()
    ).exclude(reason="")
    if put_off.update(due_at=now(), updated_at=now()):
        _hint()
    return row


@transaction.atomic
def choose(*, user: User, client: Client | None, occasion: str, way: str, is_on: bool) -> NotificationChoice:
    """Switch one way for one occasion on or off, of one client or of all. Raises ``Invalid``."""
    if occasion not in Occasion.values or way not in Way.values:
        raise Invalid("There is no such occasion or way.")
    row, _ = NotificationChoice.objects.update_or_create(
        user=user, client=client, occasion=occasion, way=way, defaults={"is_on": is_on}
    )
    made: NotificationChoice = row
    return made


@transaction.atomic
def subscribe(*, user: User, endpoint: str, p256dh: str, auth: str, label: str) -> PushSubscription:
    """Let a browser take pushes for a person. Raises ``Invalid`` for what is no subscription."""
    if len(endpoint) > 700 or not endpoint.startswith("https://"):
        raise Invalid("This is no address of a push service.", field="endpoint")
    try:
        check_url(endpoint)
    except AddressRefusedError as error:
        raise Invalid(str(error), field="endpoint") from error
    row, _ = PushSubscription.objects.update_or_create(
        user=user,
        endpoint=endpoint,
        defaults={"p256dh": p256dh[:200], "auth": auth[:100], "label": label[:120], "failed_at": None},
    )
    made: PushSubscription = row
    return made


@transaction.atomic
def unsubscribe(*, user: User, endpoint: str) -> None:
    """A browser takes no more pushes; harmless when it took none."""
    PushSubscription.objects.filter(user=user, endpoint=endpoint).delete()


@transaction.atomic
def mark_read(*, user: User, conversation_id: UUID | None = None) -> int:
    """The notices of a conversation, or all, have been seen by their person; return how many were new."""
    rows = Notification.objects.filter(user=user, read_at=None)
    if conversation_id is not None:
        rows = rows.filter(conversation_id=conversation_id)
    count: int = rows.update(read_at=now(), updated_at=now())
    if count:
        emit(stream=user_stream(user.id), kind="notification.read", subject=("user", user.id), data={})
    return count


@transaction.atomic
def end_unassigned(*, conversation_id: UUID) -> None:
    """Somebody has a conversation: what told the others that nobody does has been dealt with."""
    rows = Notification.objects.filter(
        conversation_id=conversation_id, occasion=Occasion.UNASSIGNED, read_at=None
    )
    people = set(rows.values_list("user_id", flat=True))
    if people:
        rows.update(read_at=now(), updated_at=now())
    for user_id in people:
        emit(stream=user_stream(user_id), kind="notification.read", subject=("user", user_id), data={})
