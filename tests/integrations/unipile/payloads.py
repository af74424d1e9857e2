"""Hand-written payloads after docs/providers/unipile.md. Ids are made up."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT = "Zk9aQ1sTQ3uXw2"
SELF = "ACoAABexampleSelf"
LEAD = "ACoAABpR0sp3ct"
DSN = "https://api8.unipile.test:13443"
API = f"{DSN}/api/v1"


def account(**changes: Any) -> dict[str, Any]:
    return {
        "object": "Account",
        "type": "LINKEDIN",
        "id": ACCOUNT,
        "name": "Maya Lindqvist",
        "created_at": "2026-03-02T08:15:30.000Z",
        "connection_params": {
            "im": {
                "id": SELF,
                "publicIdentifier": "maya-lindqvist",
                "username": "maya@nordlead.example",
                "premiumId": None,
                "premiumContractId": None,
                "premiumFeatures": ["sales_navigator"],
                "organizations": [],
                "proxy": {"source": "USER", "host": "10.0.0.9", "password": "proxy-pass"},
            }
        },
        "groups": [],
        "signatures": [],
        "sources": [{"id": f"{ACCOUNT}_MESSAGING", "status": "OK"}],
    } | changes


def profile(**changes: Any) -> dict[str, Any]:
    return {
        "object": "UserProfile",
        "provider": "LINKEDIN",
        "provider_id": LEAD,
        "public_identifier": "tomas-weil",
        "first_name": "Tomas",
        "last_name": "Weil",
        "headline": "COO at Brightfield",
        "location": "Lyon, France",
        "websites": [],
        "is_open_profile": False,
        "is_relationship": False,
        "is_self": False,
        "invitation": {"type": "SENT", "status": "PENDING"},
        "network_distance": "SECOND_DEGREE",
        "public_profile_url": "https://www.linkedin.com/in/tomas-weil",
    } | changes


def relation(**changes: Any) -> dict[str, Any]:
    return {
        "object": "UserRelation",
        "member_id": LEAD,
        "member_urn": "urn:li:member:900111",
        "connection_urn": f"urn:li:fsd_connection:{LEAD}",
        "public_identifier": "tomas-weil",
        "public_profile_url": "https://www.linkedin.com/in/tomas-weil",
        "first_name": "Tomas",
        "last_name": "Weil",
        "headline": "COO at Brightfield",
        "created_at": 1771943752000,
        "profile_picture_url": "https://media.example/p.jpg",
    } | changes


def invitation(**changes: Any) -> dict[str, Any]:
    return {
        "object": "InvitationSent",
        "id": "7280012345678901234",
        "invited_user": "Tomas Weil",
        "invited_user_id": LEAD,
        "invited_user_public_id": "tomas-weil",
        "invited_user_description": "COO at Brightfield",
        "date": "Sent 3 days ago",
        "parsed_datetime": "2026-03-09T10:00:00.000Z",
        "invitation_text": "Hi Tomas",
        "specifics": {"provider": "LINKEDIN", "shared_secret": "do-not-log"},
    } | changes


def chat(**changes: Any) -> dict[str, Any]:
    return {
        "object": "Chat",
        "id": "c_Hq2mV",
        "account_id": ACCOUNT,
        "account_type": "LINKEDIN",
        "provider_id": "2-MTc0exampleThread",
        "attendee_provider_id": LEAD,
        "name": None,
        "type": 0,
        "timestamp": "2026-03-12T09:41:10.000Z",
        "unread_count": 1,
        "archived": 0,
        "muted_until": None,
        "read_only": 0,
        "disabledFeatures": [],
        "subject": "Intro",
        "content_type": "inmail",
        "folder": ["INBOX", "INBOX_LINKEDIN_CLASSIC"],
    } | changes


def attendee(**changes: Any) -> dict[str, Any]:
    return {
        "object": "ChatAttendee",
        "id": "att_7d",
        "account_id": ACCOUNT,
        "provider_id": LEAD,
        "name": "Tomas Weil",
        "is_self": 0,
        "picture_url": "https://media.example/p.jpg",
        "profile_url": f"https://www.linkedin.com/in/{LEAD}",
        "specifics": {
            "provider": "LINKEDIN",
            "member_urn": "urn:li:member:900111",
            "occupation": "COO",
            "network_distance": "DISTANCE_1",
            "pending_invitation": False,
            "headline": "COO",
        },
    } | changes


def message(**changes: Any) -> dict[str, Any]:
    return {
        "object": "Message",
        "id": "m_81xQ",
        "provider_id": "2-MTc0exampleMsg",
        "chat_id": "c_Hq2mV",
        "chat_provider_id": "2-MTc0exampleThread",
        "account_id": ACCOUNT,
        "sender_id": LEAD,
        "sender_attendee_id": "att_7d",
        "sender_urn": "urn:li:member:900111",
        "text": "Sounds good, send details",
        "timestamp": "2026-03-12T09:41:10.000Z",
        "is_sender": 0,
        "seen": 0,
        "seen_by": {},
        "delivered": 1,
        "edited": 0,
        "deleted": 0,
        "hidden": 0,
        "is_event": 0,
        "behavior": None,
        "original": "{}",
        "attachments": [],
        "reactions": [],
        "subject": None,
        "message_type": "MESSAGE",
        "attendee_type": "MEMBER",
        "attendee_distance": 1,
    } | changes


def person(provider_id: str = LEAD, name: str = "Tomas Weil", **changes: Any) -> dict[str, Any]:
    return {
        "attendee_id": "att_7d" if provider_id == LEAD else "att_self",
        "attendee_name": name,
        "attendee_provider_id": provider_id,
        "attendee_profile_url": f"https://www.linkedin.com/in/{provider_id}/",
    } | changes


def received(**changes: Any) -> dict[str, Any]:
    """The ``message_received`` webhook."""
    return {
        "event": "message_received",
        "account_id": ACCOUNT,
        "account_type": "LINKEDIN",
        "account_info": {"type": "LINKEDIN", "feature": "classic", "user_id": SELF},
        "webhook_name": "prod-messaging",
        "chat_id": "c_Hq2mV",
        "provider_chat_id": "2-MTc0exampleThread",
        "message_id": "m_81xQ",
        "provider_message_id": "2-MTc0exampleMsg",
        "timestamp": "2026-03-12T09:41:10.000Z",
        "message": "Sounds good, send details",
        "subject": None,
        "message_type": "MESSAGE",
        "chat_content_type": None,
        "is_group": False,
        "is_event": 0,
        "is_sender": False,
        "folder": ["INBOX"],
        "sender": person(
            attendee_specifics={
                "provider": "LINKEDIN",
                "occupation": "COO",
                "network_distance": "DISTANCE_1",
            }
        ),
        "attendees": [person(SELF, "Maya Lindqvist")],
        "attachments": [],
    } | changes


def new_relation(**changes: Any) -> dict[str, Any]:
    return {
        "event": "new_relation",
        "account_id": ACCOUNT,
        "account_type": "LINKEDIN",
        "webhook_name": "prod-users",
        "user_full_name": "Tomas Weil",
        "user_provider_id": LEAD,
        "user_public_identifier": "tomas-weil",
        "user_profile_url": "https://www.linkedin.com/in/tomas-weil/",
        "user_picture_url": "https://media.example/p.jpg",
    } | changes


def status(word: str) -> dict[str, Any]:
    return {"AccountStatus": {"account_id": ACCOUNT, "account_type": "LINKEDIN", "message": word}}


def webhook(**changes: Any) -> dict[str, Any]:
    """A listed registration."""
    return {
        "object": "Webhook",
        "id": "we_1",
        "account_ids": [],
        "enabled": True,
        "name": "outbound-engine messaging",
        "request_url": "https://app.test/webhooks/unipile/key",
        "format": "json",
        "headers": [
            {"key": "Unipile-Auth", "value": "secret-of-the-connection"},
            {"key": "Content-Type", "value": "application/json"},
        ],
        "data": [],
        "events": [
            "message_received",
            "message_read",
            "message_reaction",
            "message_edited",
            "message_deleted",
            "message_delivered",
        ],
        "type": "TRIGGER",
    } | changes


def without(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key not in names}


def body(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def page(kind: str, *items: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"object": kind, "items": list(items), "cursor": cursor}
