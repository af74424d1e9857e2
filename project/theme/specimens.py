"""Plain example values for the components page. Invented people and companies; nothing is read from the
database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a team, as avatars and presence read them."""

    name: str
    avatar_tone: int


@dataclass(frozen=True, slots=True)
class Client:
    """A client, as its mark reads it."""

    name: str
    colour: int


NEUTRALS = [
    "bg",
    "surface",
    "sunken",
    "raised",
    "fill",
    "hover",
    "press",
    "line",
    "line-2",
    "control",
    "ink",
    "ink-2",
    "ink-3",
    "ink-off",
    "inverse",
]
MEANING = [
    f"{role}{form}"
    for form in ("", "-text", "-soft")
    for role in ("accent", "ok", "warn", "bad", "info", "iris")
]
INTENTS = [
    "interested",
    "question",
    "referral",
    "not_now",
    "out_of_office",
    "unsubscribe",
    "wrong_person",
    "not_interested",
]
ANA, TOM, LINNEA, RAJ = (
    Person("Ana Ferreira", 1),
    Person("Tom Okafor", 4),
    Person("Linnea Holm", 3),
    Person("Raj Mehta", 2),
)
HALDEN, TESSERA = Client("Halden Robotics", 1), Client("Tessera Pay", 2)


def _rows(now: datetime) -> list[dict[str, Any]]:
    common = {
        "company": "",
        "client": HALDEN,
        "channel": "linkedin",
        "url": "#",
        "at": now - timedelta(minutes=8),
    }
    return [
        {
            **common,
            "id": "specimen-row-1",
            "who": "Joost Achterberg",
            "text": "Send me the case study in Dutch",
            "intent": "interested",
            "sla_due": now + timedelta(minutes=52),
            "unread": True,
        },
        {
            **common,
            "id": "specimen-row-2",
            "who": "Marta Lindqvist",
            "text": "Tuesday at 10 would work",
            "open": True,
            "channel": "email",
            "intent": "interested",
            "label": "Nordics",
            "sla_due": now + timedelta(minutes=39),
            "active": ANA,
        },
        {
            **common,
            "id": "specimen-row-3",
            "who": "Renata Sobczak",
            "text": "Who is this?",
            "channel": "sms",
            "intent": "question",
            "sla_due": now + timedelta(minutes=6),
            "css": "is-hover",
        },
        {
            **common,
            "id": "specimen-row-4",
            "who": "Chiara Benedetti",
            "text": "Ask me again in February",
            "intent": "not_now",
            "sla_due": now - timedelta(minutes=12),
            "cursor": True,
        },
        {
            **common,
            "id": "specimen-row-5",
            "who": "Danuta Wilk",
            "text": "Please take me off your list",
            "intent": "unsubscribe",
            "selected": True,
            "note": "Suppressed 09:42",
        },
        {
            **common,
            "id": "specimen-row-6",
            "who": "Sofie Marklund",
            "text": "Attached the sheet you asked for",
            "mine": "You:",
            "failure": "Not sent: mailbox signed out",
            "channel": "email",
            "leaving": True,
        },
    ]


def _messages(now: datetime) -> dict[str, Any]:
    return {
        "folded": {
            "id": "specimen-message-1",
            "direction": "out",
            "person": LINNEA,
            "name": "Erik Sand",
            "body": "Hi Marta, most mis-picks in deep freeze happen in the last two hours",
            "folded": True,
            "step": "Step 1, variant B",
            "state": "delivered",
            "at": now - timedelta(days=9),
        },
        "theirs": {
            "id": "specimen-message-2",
            "direction": "in",
            "person": "Marta Lindqvist",
            "name": "Marta Lindqvist",
            "to": "Erik Sand, copy Henrik Dahl",
            "at": now - timedelta(minutes=21),
            "body": "Hi Erik,\n\nthe Kiruna number is what caught me. Tuesday at 10 would work.",
            "attachments": [{"name": "hall-layout.pdf", "size": 1_200_000, "url": "#"}],
            "quoted_lines": 14,
            "quoted": "One number from Kiruna: 0.4 mis-picks per 1,000 lines.",
            "images_blocked": 2,
        },
        "failed": {
            "id": "specimen-message-3",
            "direction": "out",
            "person": TOM,
            "name": "You",
            "via": "Erik Sand",
            "state": "failed",
            "at": now - timedelta(minutes=10),
            "body": "Hi Marta, here is the film",
            "failure": "The film is 31 MB; this mailbox takes 25 MB. Nothing reached Marta.",
        },
    }


def _why() -> dict[str, Any]:
    return {
        "checks": [
            {"state": "ok", "label": "No reply on any channel", "note": "checked 14:02"},
            {"state": "binds", "label": "Quiet hours from 17:00", "note": "Oslo time"},
            {"state": "wait", "label": "Weekend, Sat and Sun", "note": "Norway calendar"},
            {"state": "bad", "label": "Sender is signed out", "note": "since 12:31"},
        ],
        "changes": [{"label": "Let step 5 follow after 1 hour", "time": "today 15:02", "url": "#"}],
    }


def specimens(now: datetime) -> dict[str, Any]:
    """Return the context of the components page as of ``now``."""
    return {
        "now": now,
        "neutrals": NEUTRALS,
        "meaning": MEANING,
        "clients_eight": range(1, 9),
        "heat": range(6),
        "intents": INTENTS,
        "team": [ANA, TOM, LINNEA, RAJ],
        "ana": ANA,
        "halden": HALDEN,
        "tessera": TESSERA,
        "due": [now + timedelta(minutes=39), now + timedelta(minutes=6), now - timedelta(minutes=12)],
        "rows": _rows(now),
        "messages_shown": _messages(now),
        "why": _why(),
        "tabs": [
            {"label": "Leads", "url": "#", "count": 1204, "active": True},
            {"label": "Steps", "url": "#", "count": 5},
            {"label": "Senders", "url": "#"},
        ],
        "columns": [{"label": "Sender"}, {"label": "State"}, {"label": "Left today", "num": True}],
        "limits": [
            {"label": "Invites", "used": 22, "limit": 25, "binds": True},
            {"label": "Messages", "used": 61, "limit": 100},
        ],
        "series": [1, 4, 7, 9, 11, 13, 14, 12],
        "funnel_values": [1180, 744, 156, 41],
        "funnel_labels": ["Contact", "Reached", "Replied", "Positive"],
        "facts": [("Company", "Polarkjede AS"), ("Staff", "1,150"), ("City", "Tromsø")],
        "payload": '{\n  "event_type": "EMAIL_REPLY",\n  "campaign_id": 58213\n}',
        "diff": [
            {"sign": "+", "kind": "message", "text": "Inbound from Gareth Plowright, 13:20"},
            {"sign": "~", "kind": "enrollment", "text": "running to replied, step 2 of 4"},
            {"sign": "-", "kind": "scheduled send", "text": "Step 3, withdrawn"},
        ],
        "steps": [
            {"label": "Upload", "state": "done"},
            {"label": "Map", "state": "done"},
            {"label": "Preview", "state": "current"},
            {"label": "Run", "state": "todo"},
        ],
        "modes": [{"label": "Reply", "key": "r", "active": True}, {"label": "Note", "key": "n"}],
        "ways": [{"label": "Send later", "note": "Her Mon 09:00"}, {"label": "Send and close"}],
        "options": [("fill", "Fill empty fields only"), ("overwrite", "Overwrite with this file")],
    }
