"""Facts recorded one by one and in runs come to the same; two senders of one lead never wait for each other."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.forms.models import model_to_dict

from campaigns.models import Enrollment, ScheduledAction, SendOutcome, Suppression, Transition, Unsubscribe
from inbox.models import Conversation, Message, PendingChange
from integrations.events import (
    BaseEvent,
    LinkClicked,
    MessageBounced,
    MessageDelivered,
    MessageFailed,
    MessageOpened,
    MessageReceived,
    SpamComplained,
    Unsubscribed,
)
from integrations.models import OutboundMessage, ProviderEvent, SenderAccount
from integrations.services.events import record_events
from integrations.values import Direction, Person
from reporting.models import Fact
from tests.campaigns.channels import MAIL, Post, post

__all__ = ["post"]
pytestmark = pytest.mark.django_db

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TABLES: tuple[tuple[Any, set[str]], ...] = (
    (OutboundMessage, {"id"}),
    (Enrollment, {"id"}),
    (Transition, set()),
    (ScheduledAction, set()),
    (SendOutcome, set()),
    (Suppression, set()),
    (Unsubscribe, set()),
    (Conversation, set()),
    (Message, set()),
    (PendingChange, set()),
    (Fact, set()),
    (ProviderEvent, set()),
)
#: A plan in which what is reported moves people: opens, clicks and what is put off.
_MOVING = {
    **MAIL,
    "nodes": [
        {
            **MAIL["nodes"][0],
            "transitions": [
                {"on": "click", "to": "end"},
                {"on": "open", "after": "P1D", "to": "bump"},
                {"on": "no_reply", "after": "P3D", "to": "bump"},
            ],
        },
        *MAIL["nodes"][1:],
    ],
}


_WEIGHTS = {
    "delivered": 6, "open": 8, "click": 4, "deferred": 4, "bounce": 1, "failed": 1, "complaint": 1, "unsubscribe": 1,
    "reply": 1, "lost": 2,
}  # fmt: skip


def history(rng: random.Random, sends: list[OutboundMessage], mailbox: SenderAccount) -> list[BaseEvent]:
    """What may be told of some mails, in a random order and partly more than once."""
    events: list[BaseEvent] = []
    for number in range(rng.randint(12, 30)):
        sent = rng.choice(sends)
        assert sent.sent_at is not None
        said: dict[str, Any] = {
            "provider": "sendgrid",
            "account_id": mailbox.provider_account_id,
            # No two at one instant: what comes first of two is then decided by ids, which differ between runs.
            "occurred_at": sent.sent_at + timedelta(seconds=rng.randint(1, 3000) * 40 + number),
            "message_id": sent.message_id,
            "send_id": str(sent.id) if rng.random() < 0.7 else "",
        }
        [kind] = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        if kind in {"reply", "lost"}:
            said |= {"message_id": f"{kind}-{number % 3}", "send_id": ""}
        events.append(event(rng, kind, said, sent, number))
    events += rng.sample(events, k=len(events) // 4)
    rng.shuffle(events)
    return events


def event(
    rng: random.Random, kind: str, said: dict[str, Any], sent: OutboundMessage, number: int
) -> BaseEvent:
    address = sent.recipient["email"]
    person = Person(email=address)
    own = {"vendor_event_id": f"vendor-{number}"}
    machine = {"is_machine": rng.random() < 0.4}
    soft = {"is_permanent": False, "category": rng.choice(["deferred", "mailbox"]), "recipient": address}
    answer = {
        "provider_message_id": f"<answer-{number}@prospect.test>",
        "direction": Direction.INBOUND,
        "sender": person,
        "counterpart": person,
        "text": "Tell me more",
        "references": (sent.provider_message_id,),
    }
    kinds: dict[str, tuple[type[BaseEvent], dict[str, Any]]] = {
        "delivered": (MessageDelivered, {}),
        "open": (MessageOpened, {**own, **machine}),
        "click": (LinkClicked, {**own, **machine, "url": "https://k.test/a"}),
        "deferred": (MessageBounced, {**own, **soft}),
        "bounce": (MessageBounced, {"is_permanent": True, "recipient": address, "reason": "550"}),
        "failed": (MessageFailed, {"recipient": address, "category": "invalid_address"}),
        "complaint": (SpamComplained, {"recipient": address}),
        "unsubscribe": (Unsubscribed, {"recipient": address, "how": "link"}),
        "reply": (MessageReceived, answer),
        "lost": (MessageOpened, own),
    }
    made, values = kinds[kind]
    return made(**said, **values)


def rows(known: set[str]) -> dict[str, list[str]]:
    """Everything that facts may change, without what only names rows that were made."""
    keys = {str(event_id): key for event_id, key in ProviderEvent.objects.values_list("id", "dedupe_key")}

    def named(found: re.Match[str]) -> str:
        return keys.get(found[0]) or (found[0] if found[0] in known else "new")

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(part) for name, part in value.items() if name not in {"received_at", "as_of"}}
        if isinstance(value, list | tuple):
            parts = [told(part) for part in value]
            return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
        return _UUID.sub(named, str(value))

    found = {}
    for model, more in _TABLES:
        fields = [
            field.attname
            for field in model._meta.concrete_fields
            if field.attname not in {"created_at", "updated_at", "recorded_at", "id", "revision"}
        ] + sorted(more)
        found[model.__name__] = sorted(
            json.dumps(told({name: getattr(row, name) for name in fields}), sort_keys=True)
            for row in model.objects.all()
        )
    return found


def known_ids() -> set[str]:
    ids: set[str] = set()
    for model, _ in _TABLES:
        for row in model.objects.all():
            ids |= set(_UUID.findall(json.dumps(model_to_dict(row), default=str))) | {str(row.id)}
            ids |= {
                str(getattr(row, field.attname))
                for field in model._meta.concrete_fields
                if isinstance(getattr(row, field.attname), UUID)
            }
    return ids


def cut(rng: random.Random, events: list[BaseEvent]) -> Iterator[list[BaseEvent]]:
    at = 0
    while at < len(events):
        size = rng.choice([1, 2, 5, 12, 100])
        yield events[at : at + size]
        at += size


@pytest.mark.parametrize("plan", [MAIL, _MOVING], ids=["waits for replies", "moves by reports"])
def test_one_by_one_and_in_runs_come_to_the_same(post: Post, plan: dict[str, Any], time_machine: Any) -> None:
    type(post.campaign).objects.filter(id=post.campaign.id).update(draft_plan=plan)
    post.campaign.refresh_from_db()
    for name in ("Ada", "Bo", "Cleo", "Dag"):
        post.lead(name)
    post.launch()
    post.tick()
    sends = [post.sent(queued) for queued in post.queued()]
    assert len(sends) == 4
    time_machine.shift(timedelta(days=2))
    known = known_ids()
    for seed in range(8):
        rng = random.Random(seed)
        events = history(rng, sends, post.mailbox)
        came: list[dict[str, list[str]]] = []
        for parts in ([[event] for event in events], list(cut(rng, events)), [events]):
            with transaction.atomic():
                for part in parts:
                    mailbox = SenderAccount.objects.select_related("connection").get(id=post.mailbox.id)
                    record_events(part, sender=mailbox, source="webhook")
                came.append(rows(known))
                transaction.set_rollback(True)
        for other in came[1:]:
            for table, found in came[0].items():
                assert other[table] == found, f"seed {seed}: {table}"


@pytest.mark.django_db(transaction=True)
def test_facts_through_two_senders_of_one_lead_never_wait_for_each_other(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.services import events as door
    from project.core.scoping import organization_scope
    from tests.chaos.test_races import at_once

    post.lead("Ada", phone="+46701234567")
    post.launch()
    sent = post.send_next()
    enrollment = Enrollment.objects.get()
    assert set(enrollment.sender_links.values_list("sender_id", flat=True)) == {
        post.mailbox.id,
        post.number.id,
    }
    both_hold_their_own = threading.Barrier(2)
    begun: set[int] = set()
    real = door._record_all

    def slowly(*args: Any, **values: Any) -> Any:
        if threading.get_ident() not in begun:
            begun.add(threading.get_ident())
            both_hold_their_own.wait(20)
        return real(*args, **values)

    monkeypatch.setattr(door, "_record_all", slowly)

    def told(event: BaseEvent, sender: SenderAccount) -> Any:
        with organization_scope(post.agency.id):
            return [bool(one) for one in record_events([event], sender=sender, source="webhook")]

    at = sent.sent_at
    assert at is not None
    opened = MessageOpened(
        provider="sendgrid", account_id="m", occurred_at=at + timedelta(hours=1), send_id=str(sent.id)
    )
    person = Person(phone="+46701234567")
    answer = MessageReceived(
        provider="twilio",
        account_id="n",
        occurred_at=at + timedelta(hours=1),
        message_id="SMin",
        provider_message_id="SMin",
        chat_id="chat",
        direction=Direction.INBOUND,
        sender=person,
        counterpart=person,
        text="Tell me more",
    )
    found = at_once(lambda: told(opened, post.mailbox), lambda: told(answer, post.number))
    assert found == [[True], [True]]
    enrollment.refresh_from_db()
    assert enrollment.stage == "replied"
    assert SendOutcome.objects.get().opened_at == opened.occurred_at
