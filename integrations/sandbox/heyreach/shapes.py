"""HeyReach's objects as JSON, and its calls to us."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Refusal
from integrations.sandbox.runs import state
from integrations.sandbox.runs.engine import TELLERS, Happening
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

P = "heyreach"
STATUS = {
    "draft": "DRAFT", "starting": "STARTING", "running": "IN_PROGRESS", "paused": "PAUSED", "stopped": "CANCELED",
    "completed": "FINISHED", "archived": "CANCELED",
}  # fmt: skip
MEMBER = {
    "pending": "Pending", "in_progress": "InSequence", "paused": "Paused", "replied": "Finished",
    "completed": "Finished", "stopped": "Finished", "blocked": "Failed",
}  # fmt: skip


def refusal(status: int, message: str) -> Refusal:
    """The exception that answers ``{"errorMessage": ...}``."""
    return Refusal(Answer({"errorMessage": message}, status))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer({"errorMessage": fault.detail or "An error occurred"}, fault.status, headers)


def campaign(world: World, row: Row) -> dict[str, Any]:
    """A campaign."""
    members = state.members(world, row["id"])
    return {
        "id": row["id"], "name": row["name"], "creationTime": row["created_at"], "startedAt": None,
        "linkedInUserListName": row["name"], "linkedInUserListId": row["list_id"],
        "campaignAccountIds": [item["id"] for item in state.campaign_accounts(world, row["id"])],
        "status": STATUS[row["status"]],
        "progressStats": {"totalUsers": len(members), "totalUsersInProgress": -1},
        "excludeListId": None, "organizationUnitId": 12,
    }  # fmt: skip


def account(row: Row) -> dict[str, Any]:
    """A seat."""
    first, _, last = row["name"].partition(" ")
    return {
        "id": row["id"], "emailAddress": row["address"], "firstName": first, "lastName": last, "isActive": True,
        "activeCampaigns": 1, "authIsValid": bool(row["ok"]), "isValidNavigator": False, "isValidRecruiter": False,
    }  # fmt: skip


def profile(world: World, row: Row) -> dict[str, Any]:
    """A person."""
    person, fields = world.people.meet(row["slug"]), state.fields_of(row)
    return {
        "id": person.provider_id, "linkedin_id": str(person.member_number),
        "profileUrl": f"https://www.linkedin.com/in/{row['slug']}", "firstName": fields.get("firstName"),
        "lastName": fields.get("lastName"), "headline": person.headline, "imageUrl": None, "location": person.location,
        "companyName": fields.get("companyName"), "companyUrl": None, "position": fields.get("position"),
        "about": None, "tags": [], "emailAddress": fields.get("emailAddress"), "customFields": [],
    }  # fmt: skip


def member(world: World, row: Row) -> dict[str, Any]:
    """A person in a campaign: three independent statuses."""
    lead = state.must(state.lead(world, P, row["lead_id"]))
    found = profile(world, lead)
    replied = any(item["inbound"] for item in conversation_rows(world, row))
    connection = "ConnectionAccepted" if row["connected"] else "ConnectionSent" if row["invited"] else "None"
    return {
        "id": row["id"], "linkedInUserProfileId": found["id"], "linkedInUserProfile": found,
        "lastActionTime": row["last_at"], "failedTime": None, "creationTime": row["created_at"],
        "leadCampaignStatus": MEMBER[row["status"]], "leadConnectionStatus": connection,
        "leadMessageStatus": "MessageReply" if replied else "None", "errorCode": None,
        "leadCampaignStatusMessage": row["reason"] or None, "linkedInSenderId": row["account_id"],
    }  # fmt: skip


def conversation_rows(world: World, row: Row) -> list[Row]:
    """The messages that the inbox shows: the note of an invitation is there once it was accepted."""
    found = state.messages(world, P, campaign_id=row["campaign_id"], lead_id=row["lead_id"])
    return [item for item in found if item["kind"] != "invite" or (item["body"] and row["connected"])]


def conversation_id(row: Row) -> str:
    """The id of a conversation, with what has to be escaped in it."""
    return f"2-{row['campaign_id']}.{row['lead_id']}=="


def conversation(world: World, row: Row) -> dict[str, Any]:
    """A conversation with its messages, which have no ids."""
    rows = conversation_rows(world, row)
    words = {0: "ME", 1: "CORRESPONDENT"}
    account_ = state.must(state.account(world, P, row["account_id"]))
    return {
        "id": conversation_id(row), "read": False, "groupChat": False, "lastMessageAt": rows[-1]["sent_at"],
        "lastMessageText": rows[-1]["body"], "lastMessageType": "TEXT", "lastMessageSender": words[rows[-1]["inbound"]],
        "totalMessages": len(rows), "campaignId": row["campaign_id"], "linkedInAccountId": row["account_id"],
        "correspondentProfile": profile(world, state.must(state.lead(world, P, row["lead_id"]))),
        "linkedInAccount": account(account_),
        "messages": [
            {"createdAt": item["sent_at"], "body": item["body"], "subject": item["subject"] or None, "postLink": None,
             "isInMail": item["kind"] == "inmail", "sender": words[item["inbound"]]}
            for item in rows
        ],
    }  # fmt: skip


# ---- calls to us

NAMES = {
    "invited": "CONNECTION_REQUEST_SENT", "accepted": "CONNECTION_REQUEST_ACCEPTED", "sent": "MESSAGE_SENT",
    "manual_sent": "MESSAGE_SENT", "replied": "EVERY_MESSAGE_REPLY_RECEIVED", "categorised": "LEAD_TAG_UPDATED",
}  # fmt: skip


def tell(world: World, happening: Happening) -> None:
    """Call every hook of the event: each hook has one kind of event."""
    name = NAMES.get(happening.name)
    if happening.name == "campaign_status" and happening.campaign is not None:
        name = "CAMPAIGN_COMPLETED" if happening.campaign["status"] == "completed" else None
    if name is None:
        return
    for hook in state.hooks(world, P):
        if json.loads(hook["events"]) != [name]:
            continue
        body = payload(world, happening, name)
        faults = world.faults.for_webhook(P, name)
        for fault in faults:
            if fault.kind == "shape" and fault.variant in VARIANTS:
                body = VARIANTS[fault.variant](body)
        raw = json.dumps(body, ensure_ascii=False)
        headers = {"Content-Type": "application/json"}
        world.deliveries.enqueue(
            Outgoing(P, f"{P}|{hook['id']}", name, hook["url"], headers, raw, rules="any_2xx"), faults
        )


def payload(world: World, happening: Happening, name: str) -> dict[str, Any]:
    """The body of a call, in snake case."""
    row, lead = happening.member, happening.lead
    body: dict[str, Any] = {
        "event_type": name.lower(), "timestamp": state.stamp(), "correlation_id": str(uuid.uuid4()), "is_inmail": False,
        "connection_message": None,
    }  # fmt: skip
    if happening.campaign is not None:
        body["campaign"] = {"id": happening.campaign["id"], "name": happening.campaign["name"]}
    if happening.account is not None:
        body["sender"] = {"id": happening.account["id"], "full_name": happening.account["name"]}
    if lead is not None:
        found = profile(world, lead)
        body["lead"] = {
            "id": found["id"], "profile_url": found["profileUrl"], "first_name": found["firstName"],
            "last_name": found["lastName"], "full_name": f"{found['firstName']} {found['lastName']}",
            "company_name": found["companyName"], "position": found["position"],
            "tags": [row["category"]] if row is not None and row["category"] else [], "lists": [],
        }  # fmt: skip
    if name == "CONNECTION_REQUEST_SENT" and happening.message is not None:
        body["connection_message"] = happening.message["body"]
    if name in {"MESSAGE_SENT", "EVERY_MESSAGE_REPLY_RECEIVED"} and row is not None:
        body["conversation_id"] = conversation_id(row)
        body["recent_messages"] = [
            {"creation_time": item["sent_at"], "message": item["body"], "is_reply": bool(item["inbound"])}
            for item in conversation_rows(world, row)
        ]
    return body


# ---- other shapes of the same facts


def _nameless(item: Any) -> Any:
    return (
        {key: value for key, value in item.items() if key != "event_type"} if isinstance(item, dict) else item
    )


def _camel(item: Any) -> Any:
    """The simplified spelling of third parties' documents."""
    if not (isinstance(item, dict) and "event_type" in item):
        return item
    moved = {"eventType": item["event_type"], "leadProfile": item.get("lead")}
    if "conversation_id" in item:
        moved["conversationId"] = item["conversation_id"]
    return {
        key: value for key, value in item.items() if key not in {"event_type", "lead", "conversation_id"}
    } | moved


VARIANTS: dict[str, Callable[[Any], Any]] = {"heyreach_nameless": _nameless, "heyreach_camel": _camel}

TELLERS[P] = tell
