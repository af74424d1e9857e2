"""EmailBison's objects as JSON, its pages, and its calls to us."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Call, Refusal
from integrations.sandbox.runs import state
from integrations.sandbox.runs.engine import TELLERS, Happening
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

P = "emailbison"
PAGE = 15
MOST_PAGES = 1000
STATUS = {
    "draft": "draft", "starting": "queued", "running": "active", "paused": "paused", "stopped": "archived",
    "completed": "completed", "archived": "archived",
}  # fmt: skip
MEMBER = {
    "pending": "never_contacted", "in_progress": "in_sequence", "paused": "sequence_stopped", "replied": "replied",
    "completed": "sequence_finished", "stopped": "sequence_stopped", "blocked": "sequence_stopped",
}  # fmt: skip


def refusal(status: int, message: str) -> Refusal:
    """The exception that answers ``{"data": {"success": false, "message": ...}}``, also with 200."""
    return Refusal(Answer({"data": {"success": False, "message": message}}, status))


def missing() -> Refusal:
    """404 of a record."""
    return Refusal(Answer({"message": "Record not found"}, 404))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer({"message": fault.detail or "Server Error"}, fault.status, headers)


def page(call: Call, items: list[dict[str, Any]]) -> Answer:
    """A page of 15; ``per_page`` is ignored. Pages above 1,000 are refused."""
    number = int((call.query.get("page") or ["1"])[-1])
    if number > MOST_PAGES:
        raise Refusal(Answer({"message": f"The page field must not be greater than {MOST_PAGES}."}, 422))
    last = max(1, -(-len(items) // PAGE))
    window = items[(number - 1) * PAGE : number * PAGE]
    meta = {"current_page": number, "last_page": last, "per_page": PAGE, "total": len(items)}
    links = {"first": "?page=1", "last": f"?page={last}", "prev": None}
    links["next"] = f"?page={number + 1}" if number < last else None
    return Answer({"data": window, "links": links, "meta": meta})


def campaign(world: World, row: Row) -> dict[str, Any]:
    """A campaign with its counters."""
    settings = json.loads(row["settings"])
    messages = state.messages(world, P, campaign_id=row["id"])
    sent = [item for item in messages if not item["inbound"] and item["step"]]
    members = state.members(world, row["id"])
    answered = {item["lead_id"] for item in messages if item["inbound"] and not item["automated"]}
    return {
        "id": row["id"], "uuid": f"6f9b0a52-0000-4000-8000-{row['id']:012d}", "name": row["name"], "type": "outbound",
        "status": STATUS[row["status"]], "emails_sent": len(sent), "opened": sum(item["opens"] for item in sent),
        "unique_opens": len({item["lead_id"] for item in sent if item["opens"]}), "replied": len(answered),
        "unique_replies": len(answered), "bounced": sum(item["bounced"] for item in sent),
        "unsubscribed": sum(item["reason"] == "unsubscribed" for item in members),
        "interested": sum(item["category"] == "Interested" for item in members),
        "total_leads_contacted": len({item["lead_id"] for item in sent}), "total_leads": len(members),
        "max_emails_per_day": 1000, "max_new_leads_per_day": 1000, "plain_text": False, "open_tracking": False,
        "can_unsubscribe": False, "unsubscribe_text": None, "created_at": row["created_at"],
        "updated_at": row["updated_at"], "tags": [], **settings,
    }  # fmt: skip


def step(row: Row) -> dict[str, Any]:
    """A step."""
    return {
        "id": row["id"], "order": row["number"], "email_subject": row["subject"], "email_body": row["body"],
        "wait_in_days": round(row["wait"] / 86400), "active": True, "variant": False, "variant_from_step": None,
        "attachments": None, **json.loads(row["shape"]),
    }  # fmt: skip


def account(row: Row) -> dict[str, Any]:
    """A mailbox."""
    return {
        "id": row["id"], "name": row["name"], "email": row["address"], "daily_limit": 40, "type": "custom",
        "status": "Connected" if row["ok"] else "Not connected", "warmup_enabled": True, "tags": [],
        "created_at": row["created_at"], "updated_at": row["created_at"],
    }  # fmt: skip


def lead(world: World, row: Row) -> dict[str, Any]:
    """A person, with how they stand in each campaign."""
    fields = state.fields_of(row)
    memberships = world.store.all("SELECT * FROM runs_members WHERE lead_id = ?", row["id"])
    bounced = any(item["status"] == "blocked" for item in memberships)
    own = "unsubscribed" if row["unsubscribed"] else "bounced" if bounced else "verified"
    return {
        "id": row["id"], "first_name": fields.get("first_name"), "last_name": fields.get("last_name"),
        "email": row["slug"], "title": fields.get("title"), "company": fields.get("company"), "notes": None,
        "status": own, "custom_variables": fields.get("custom_variables") or [],
        "lead_campaign_data": [
            {"campaign_id": item["campaign_id"], "status": MEMBER[item["status"]], "emails_sent": item["step"],
             "replies": int(item["status"] == "replied"), "opens": 0, "interested": item["category"] == "Interested"}
            for item in memberships
        ],
        "tags": [], "created_at": row["created_at"], "updated_at": row["created_at"],
    }  # fmt: skip


def html(body: str) -> str:
    """A body as HTML."""
    return body if "<" in body else f"<p>{body}</p>"


def scheduled(world: World, row: Row) -> dict[str, Any]:
    """A mail of a campaign."""
    steps = state.steps(world, row["campaign_id"]) if row["campaign_id"] else []
    step_id = next((item["id"] for item in steps if item["number"] == row["step"]), None)
    account_ = state.must(state.account(world, P, row["account_id"]))
    return {
        "id": row["id"], "campaign_id": row["campaign_id"], "lead_id": row["lead_id"], "sequence_step_id": step_id,
        "status": "bounced" if row["bounced"] else "sent", "scheduled_date": row["sent_at"], "sent_at": row["sent_at"],
        "email_subject": row["subject"], "email_body": html(row["body"]), "opens": row["opens"],
        "clicks": row["clicks"], "sender_email": account(account_), "raw_message_id": row["message_id"],
    }  # fmt: skip


def reply(world: World, row: Row) -> dict[str, Any]:
    """A row of the inbox: theirs, or ours that was written by hand."""
    lead_ = state.must(state.lead(world, P, row["lead_id"]))
    account_ = state.must(state.account(world, P, row["account_id"]))
    person = world.people.meet(lead_["slug"])
    inbound, tracked = bool(row["inbound"]), row["campaign_id"] is not None
    kind = ("Tracked Reply" if tracked else "Untracked Reply") if inbound else "Outgoing Email"
    ours, theirs = account_["address"], lead_["slug"]
    return {
        "id": row["id"], "folder": "Inbox" if inbound else "Sent",
        "type": kind, "subject": row["subject"], "read": False,
        "interested": False, "automated_reply": bool(row["automated"]), "tracked_reply": inbound and tracked,
        "html_body": html(row["body"]), "text_body": row["body"] if "<" not in row["body"] else None, "raw_body": None,
        "headers": None, "date_received": row["sent_at"], "from_name": person.name if inbound else account_["name"],
        "from_email_address": theirs if inbound else ours, "primary_to_email_address": ours if inbound else theirs,
        "to": [{"name": None, "address": ours if inbound else theirs}], "cc": None, "bcc": None, "parent_id": None,
        "campaign_id": row["campaign_id"], "lead_id": row["lead_id"] if tracked else None,
        "sender_email_id": row["account_id"],
        "scheduled_email_id": row["answers"] if inbound else None, "raw_message_id": row["message_id"],
        "attachments": [], "created_at": row["sent_at"], "updated_at": row["sent_at"],
    }  # fmt: skip


# ---- calls to us

NAMES = {
    "sent": "EMAIL_SENT", "manual_sent": "MANUAL_EMAIL_SENT", "opened": "EMAIL_OPENED", "replied": "LEAD_REPLIED",
    "bounced": "EMAIL_BOUNCED", "unsubscribed": "LEAD_UNSUBSCRIBED", "disconnected": "EMAIL_ACCOUNT_DISCONNECTED",
    "reconnected": "EMAIL_ACCOUNT_RECONNECTED", "categorised": "LEAD_INTERESTED",
    "untracked": "UNTRACKED_REPLY_RECEIVED",
}  # fmt: skip


def tell(world: World, happening: Happening) -> None:
    """Call every webhook that subscribed to the event (in lower case; calls say it in capitals)."""
    name = NAMES.get(happening.name)
    if name is None or (
        name == "LEAD_INTERESTED" and happening.member and happening.member["category"] != "Interested"
    ):
        return
    for hook in state.hooks(world, P):
        if name.lower() not in json.loads(hook["events"]):
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
    """The envelope with the blocks that the event has."""
    data: dict[str, Any] = {}
    row = happening.message
    if happening.account is not None:
        data["sender_email"] = account(happening.account)
    if happening.lead is not None and happening.name != "untracked":
        data["lead"] = lead(world, happening.lead)
    if happening.campaign is not None:
        data["campaign"] = {"id": happening.campaign["id"], "name": happening.campaign["name"]}
    if row is not None:
        data["campaign_event"] = {
            "id": row["id"] * 10 + row["opens"],
            "type": name.lower(),
            "created_at": state.stamp(),
        }
        mail = state.message(world, P, row["answers"]) if row["answers"] else row
        if mail is not None and not mail["inbound"]:
            data["scheduled_email"] = scheduled(world, mail) | {"sequence_step_order": mail["step"]}
        if row["inbound"] or name == "MANUAL_EMAIL_SENT":
            found = reply(world, row)
            data["reply"] = {"email_subject": found.pop("subject"), **found}
    event = {
        "type": name,
        "name": name.replace("_", " ").title(),
        "instance_url": "http://sandbox",
        "workspace_id": 10,
    }
    return {"event": event, "data": data}


# ---- other shapes of the same facts


def _wrapped(item: Any) -> Any:
    return {"payload": item} if isinstance(item, dict) and "event" in item else item


def _contact(item: Any) -> Any:
    """The newer words: CONTACT_REPLIED."""
    if not (isinstance(item, dict) and isinstance(item.get("event"), dict)):
        return item
    return item | {"event": item["event"] | {"type": item["event"]["type"].replace("LEAD_", "CONTACT_")}}


def _capital(item: Any) -> Any:
    """Statuses with capitals, as the published examples have them."""
    if isinstance(item, dict):
        return {
            key: value.capitalize() if key == "status" and isinstance(value, str) else _capital(value)
            for key, value in item.items()
        }
    return [_capital(each) for each in item] if isinstance(item, list) else item


VARIANTS: dict[str, Callable[[Any], Any]] = {
    "emailbison_wrapped": _wrapped,
    "emailbison_contact": _contact,
    "emailbison_capitals": _capital,
}

TELLERS[P] = tell
