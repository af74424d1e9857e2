"""Unipile's REST shapes, built from rows (docs/providers/unipile.md, 2, 3 and 5)."""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.clock import DAY, utc_now
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import state
from integrations.sandbox.world import World


def profile_url(person: Person) -> str:
    """The public address of a person."""
    return f"https://www.linkedin.com/in/{person.slug}"


def picture_url(person: Person) -> str:
    """Where a portrait would be; nothing is served there."""
    return f"https://media.example/{person.provider_id}.jpg"


def account(seat: Row) -> dict[str, Any]:
    """An Account."""
    return {
        "object": "Account",
        "type": "LINKEDIN",
        "id": seat["id"],
        "name": seat["name"],
        "created_at": seat["created_at"],
        "connection_params": {
            "im": {
                "id": seat["provider_id"],
                "publicIdentifier": seat["slug"],
                "username": seat["username"],
                "premiumId": None,
                "premiumContractId": None,
                "premiumFeatures": state.features(seat),
                "organizations": [],
            }
        },
        "groups": [],
        "signatures": [],
        "sources": [{"id": f"{seat['id']}_MESSAGING", "status": seat["status"]}],
    }


def owner(seat: Row, person: Person) -> dict[str, Any]:
    """An AccountOwnerProfile: whether the seat is premium decides the quota tier."""
    owned = state.features(seat)
    return {
        "object": "AccountOwnerProfile",
        "provider": "LINKEDIN",
        "provider_id": seat["provider_id"],
        "entity_urn": f"urn:li:fsd_profile:{seat['provider_id']}",
        "object_urn": person.member_urn,
        "first_name": person.first_name,
        "last_name": person.last_name or "",
        "profile_picture_url": picture_url(person),
        "public_profile_url": profile_url(person),
        "public_identifier": seat["slug"],
        "headline": person.headline,
        "location": person.location,
        "email": seat["username"],
        "premium": bool(owned),
        "open_profile": person.is_open_profile,
        "occupation": person.headline,
        "organizations": [],
        "recruiter": None,
        "sales_navigator": {"owner_seat_id": "1", "contract_id": "1"} if "sales_navigator" in owned else None,
    }


def profile(world: World, seat: Row, person: Person, sections: list[str]) -> dict[str, Any]:
    """A UserProfile as the seat sees it; optional sections only when asked for."""
    is_self = person.provider_id == seat["provider_id"]
    related = state.is_related(world, seat["id"], person.provider_id)
    shared = person.rng("shared", seat["id"]).randrange(0, 12)
    body: dict[str, Any] = {
        "object": "UserProfile",
        "provider": "LINKEDIN",
        "provider_id": person.provider_id,
        "public_identifier": person.slug,
        "member_urn": person.member_urn,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "headline": person.headline,
        "location": person.location,
        "websites": [],
        "is_open_profile": person.is_open_profile,
        "is_premium": person.is_premium,
        "can_send_inmail": person.can_send_inmail,
        "is_relationship": related,
        "is_self": is_self,
        "network_distance": "FIRST_DEGREE" if related else "SECOND_DEGREE" if shared else "THIRD_DEGREE",
        "follower_count": person.member_number % 4000,
        "connections_count": min(500, person.member_number % 900),
        "shared_connections_count": shared,
        "public_profile_url": profile_url(person),
        "profile_picture_url": picture_url(person),
    }
    if is_self:
        del body["network_distance"]
    open_invitation = _open_invitation(world, seat, person)
    if open_invitation:
        body["invitation"] = open_invitation
    if {"*", "experience"} & set(sections):
        body["work_experience"] = [
            {
                "position": person.role,
                "company": person.company,
                "company_id": str(person.member_number % 90000),
                "location": person.location,
                "current": True,
                "start": "3/1/2021",
                "end": None,
            }
        ]
    if {"*", "about"} & set(sections):
        body["summary"] = f"{person.role}. Building {person.company} from {person.location}."
    return body


def _open_invitation(world: World, seat: Row, person: Person) -> dict[str, str] | None:
    """PENDING, IGNORED or WITHDRAWN; an accepted invitation leaves no trace."""
    for direction in ("SENT", "RECEIVED"):
        row = state.invitation(world, seat["id"], person.provider_id, direction)
        if row is not None and row["status"] != "ACCEPTED":
            return {"type": direction, "status": row["status"]}
    return None


def relation(person: Person, since_ms: int) -> dict[str, Any]:
    """A UserRelation: here the member id is called ``member_id``."""
    return {
        "object": "UserRelation",
        "member_id": person.provider_id,
        "member_urn": person.member_urn,
        "connection_urn": f"urn:li:fsd_connection:{person.provider_id}",
        "public_identifier": person.slug,
        "public_profile_url": profile_url(person),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "headline": person.headline,
        "created_at": since_ms,
        "profile_picture_url": picture_url(person),
    }


def invitation(world: World, row: Row, person: Person) -> dict[str, Any]:
    """An InvitationSent or InvitationReceived; only pending ones are ever listed."""
    days = int((world.clock.now() - row["sent_sandbox"]) // DAY)
    when = "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"
    common = {
        "id": row["id"],
        "date": f"{'Sent' if row['direction'] == 'SENT' else 'Received'} {when}",
        "parsed_datetime": row["sent_at"],
        "invitation_text": row["note"] or None,
    }
    if row["direction"] == "SENT":
        return {
            "object": "InvitationSent",
            "invited_user": person.name,
            "invited_user_id": person.provider_id,
            "invited_user_public_id": person.slug,
            "invited_user_description": person.headline,
        } | common
    inviter = {
        "inviter_name": person.name,
        "inviter_id": person.provider_id,
        "inviter_public_identifier": person.slug,
        "inviter_description": person.headline,
    }
    secret = {"provider": "LINKEDIN", "shared_secret": shared_secret(row["id"])}
    return {"object": "InvitationReceived", "inviter": inviter, "specifics": secret} | common


def shared_secret(invitation_id: str) -> str:
    """What a received invitation must be answered with."""
    return f"secret-{invitation_id[-8:]}"


def chat(row: Row) -> dict[str, Any]:
    """A Chat: numeric flags, a ``name`` that is null on 1:1 chats, no attendees inside."""
    body: dict[str, Any] = {
        "object": "Chat",
        "id": row["id"],
        "account_id": row["account_id"],
        "account_type": "LINKEDIN",
        "provider_id": row["thread_id"],
        "name": None,
        "type": 0 if row["other"] else 1,
        "timestamp": row["at"],
        "unread_count": row["unread"],
        "archived": 0,
        "muted_until": None,
        "read_only": 0,
        "disabledFeatures": [],
        "subject": row["subject"],
        "folder": ["INBOX", "INBOX_LINKEDIN_CLASSIC"],
    }
    if row["other"]:
        body["attendee_provider_id"] = row["other"]
    if row["content_type"]:
        body["content_type"] = row["content_type"]
    return body


def message(world: World, row: Row) -> dict[str, Any]:
    """A Message: every required key, flags as 0/1, but ``reactions[].is_sender`` a boolean."""
    sender = world.people.meet(row["sender_id"])
    chat_row = state.chat(world, row["chat_id"])
    related = state.is_related(world, row["account_id"], row["sender_id"])
    body: dict[str, Any] = {
        "object": "Message",
        "id": row["id"],
        "provider_id": row["provider_id"],
        "chat_id": row["chat_id"],
        "chat_provider_id": chat_row["thread_id"],
        "account_id": row["account_id"],
        "sender_id": row["sender_id"],
        "sender_attendee_id": state.attendee_id(world, row["account_id"], row["sender_id"]),
        "sender_urn": sender.member_urn,
        "text": row["text"],
        "timestamp": row["at"],
        "is_sender": row["is_sender"],
        "seen": row["seen"],
        "seen_by": {chat_row["other"]: row["seen_at"]} if row["seen_at"] and chat_row["other"] else {},
        "delivered": row["delivered"],
        "edited": row["edited"],
        "deleted": row["deleted"],
        "hidden": 0,
        "is_event": row["is_event"],
        "behavior": None,
        "original": "{}",
        "attachments": [attachment(item) for item in state.attachments(world, row["id"])],
        "reactions": json.loads(row["reactions"]),
        "subject": row["subject"],
        "message_type": row["message_type"],
        "attendee_type": "MEMBER",
    }
    if not row["is_sender"]:
        body["attendee_distance"] = 1 if related else 2
    quoted = state.message(world, row["quoted_id"]) if row["quoted_id"] else None
    if quoted is not None:
        body["quoted"] = quotation(world, quoted)
    return body


def quotation(world: World, row: Row) -> dict[str, Any]:
    """What a message quotes."""
    return {
        "id": row["id"],
        "provider_id": row["provider_id"],
        "timestamp": row["at"],
        "sender_attendee_id": state.attendee_id(world, row["account_id"], row["sender_id"]),
        "sender_id": row["sender_id"],
        "text": row["text"],
    }


def attachment(row: Row) -> dict[str, Any]:
    """An attachment of a message as the REST API shows it."""
    body: dict[str, Any] = {
        "id": row["id"],
        "unavailable": False,
        "mimetype": row["mimetype"],
        "file_size": row["size"],
        "url": f"att://{row['message_id']}/{row['id']}",
        "type": row["kind"],
    }
    match row["kind"]:
        case "img":
            body |= {"size": {"width": 640, "height": 480}, "sticker": False}
        case "video":
            body |= {"size": {"width": 640, "height": 480}, "gif": False}
        case "audio":
            body |= {"voice_note": True}
        case _:
            body |= {"file_name": row["name"]}
    return body


def attendee(world: World, seat: Row, person: Person) -> dict[str, Any]:
    """A ChatAttendee; its ``profile_url`` holds the member id, not the slug."""
    pending = state.invitation(world, seat["id"], person.provider_id)
    return {
        "object": "ChatAttendee",
        "id": state.attendee_id(world, seat["id"], person.provider_id),
        "account_id": seat["id"],
        "provider_id": person.provider_id,
        "name": person.name,
        "is_self": int(person.provider_id == seat["provider_id"]),
        "picture_url": picture_url(person),
        "profile_url": f"https://www.linkedin.com/in/{person.provider_id}",
        "specifics": {
            "provider": "LINKEDIN",
            "member_urn": person.member_urn,
            "occupation": person.headline,
            "network_distance": distance(world, seat, person),
            "pending_invitation": pending is not None and pending["status"] == "PENDING",
            "headline": person.headline,
        },
    }


def distance(world: World, seat: Row, person: Person) -> str:
    """SELF, DISTANCE_1 or DISTANCE_2, as attendees and search results spell it."""
    if person.provider_id == seat["provider_id"]:
        return "SELF"
    return "DISTANCE_1" if state.is_related(world, seat["id"], person.provider_id) else "DISTANCE_2"


def epoch_ms() -> int:
    """Real time in milliseconds."""
    return int(utc_now().timestamp() * 1000)
