"""Smartlead's objects as JSON, with counters as text, and its calls to us."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from integrations.sandbox.clock import iso_ms, utc_now
from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.faults import Fault
from integrations.sandbox.gateway import Answer, Refusal
from integrations.sandbox.runs import state
from integrations.sandbox.runs.engine import TELLERS, Happening
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

P = "smartlead"
#: The account's signing secret; calls also carry it as ``secret_key``, as Smartlead's do.
SECRET = "sandbox-smartlead-signing-secret"  # noqa: S105 - the sandbox's own, worth nothing elsewhere
STATUS = {
    "draft": "DRAFTED", "starting": "ACTIVE", "running": "ACTIVE", "paused": "PAUSED", "stopped": "STOPPED",
    "completed": "COMPLETED", "archived": "STOPPED",
}  # fmt: skip
MEMBER = {
    "pending": "STARTED", "in_progress": "INPROGRESS", "paused": "PAUSED", "replied": "COMPLETED",
    "completed": "COMPLETED", "stopped": "STOPPED", "blocked": "BLOCKED",
}  # fmt: skip
CATEGORIES = ((1, "Interested", "positive"), (2, "Not Interested", "negative"), (3, "Out Of Office", None))


def refusal(status: int, message: str) -> Refusal:
    """The exception that answers ``{"error": ...}``."""
    return Refusal(Answer({"error": message}, status))


def fault_answer(fault: Fault, path: str) -> Answer:
    """The error that an injected ``status`` fault answers."""
    if fault.status == 429:
        wait = int(fault.retry_after or 2)
        error = {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": fault.detail or "Rate limit exceeded",
            "retry_after": wait,
        }
        return Answer({"error": error}, 429, {"Retry-After": fault.retry_after} if fault.retry_after else {})
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer({"message": fault.detail or "Something went wrong"}, fault.status, headers)


def campaign(world: World, row: Row) -> dict[str, Any]:
    """A campaign. What is written ``min_time_btw_emails`` is read ``min_time_btwn_emails``."""
    settings, schedule = json.loads(row["settings"]), json.loads(row["schedule"])
    cron = {
        "tz": schedule.get("timezone"), "days": schedule.get("days_of_the_week"),
        "startHour": schedule.get("start_hour"), "endHour": schedule.get("end_hour"),
    }  # fmt: skip
    return {
        "id": row["id"],
        "user_id": 77,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "status": STATUS[row["status"]],
        "name": row["name"],
        "track_settings": settings.get("track_settings", []),
        "scheduler_cron_value": cron if schedule else None,
        "min_time_btwn_emails": schedule.get("min_time_btw_emails", 10),
        "max_leads_per_day": schedule.get("max_new_leads_per_day", 100),
        "stop_lead_settings": settings.get("stop_lead_settings", "REPLY_TO_AN_EMAIL"),
        "enable_ai_esp_matching": False,
        "send_as_plain_text": settings.get("send_as_plain_text", False),
        "follow_up_percentage": 100,
        "unsubscribe_text": settings.get("unsubscribe_text"),
        "parent_campaign_id": None,
        "client_id": None,
    }


def step(row: Row) -> dict[str, Any]:
    """A step as it is read: the delay in camel case."""
    return {
        "id": row["id"],
        "email_campaign_id": row["campaign_id"],
        "seq_number": row["number"],
        "seq_delay_details": {"delayInDays": round(row["wait"] / 86400)},
        "subject": row["subject"],
        "email_body": row["body"],
        "sequence_variants": None,
    }


def account(row: Row) -> dict[str, Any]:
    """A mailbox, with its password in plain text as the API has it."""
    return {
        "id": row["id"],
        "created_at": row["created_at"],
        "from_name": row["name"],
        "from_email": row["address"],
        "username": row["address"],
        "password": "hunter2-of-the-mailbox",
        "message_per_day": 40,
        "type": "SMTP",
        "is_smtp_success": bool(row["ok"]),
        "is_imap_success": bool(row["ok"]),
        "smtp_failure_error": None if row["ok"] else "Invalid login",
        "campaign_count": 1,
        "client_id": None,
        "warmup_details": {"status": "ACTIVE", "warmup_reputation": "98%"},
    }


def lead(row: Row) -> dict[str, Any]:
    """A person."""
    fields = state.fields_of(row)
    return {
        "id": row["id"],
        "first_name": fields.get("first_name"),
        "last_name": fields.get("last_name"),
        "email": row["slug"],
        "phone_number": fields.get("phone_number"),
        "company_name": fields.get("company_name"),
        "website": fields.get("website"),
        "location": fields.get("location"),
        "custom_fields": fields.get("custom") or {},
        "linkedin_profile": fields.get("linkedin_profile"),
        "company_url": None,
        "is_unsubscribed": bool(row["unsubscribed"]),
        "unsubscribed_client_id_map": {},
    }


def category_id(name: str) -> int | None:
    """The number of a category."""
    return next((number for number, known, _ in CATEGORIES if known == name), None)


def member(world: World, row: Row) -> dict[str, Any]:
    """A person in a campaign."""
    return {
        "campaign_lead_map_id": row["id"],
        "lead_category_id": category_id(row["category"]),
        "status": MEMBER[row["status"]],
        "created_at": row["created_at"],
        "lead": lead(state.must(state.lead(world, P, row["lead_id"]))),
    }


def history(row: Row) -> dict[str, Any]:
    """A message of a thread. What was written by hand has no number."""
    kind = "REPLY" if row["inbound"] else "SENT"
    found = {
        "stats_id": row["thread"],
        "type": kind,
        "message_id": row["message_id"],
        "time": row["sent_at"],
        "email_body": html(row["body"]),
        "subject": row["subject"],
    }
    if kind == "SENT":
        found |= {
            "email_seq_number": str(row["step"]) if row["step"] else None,
            "open_count": row["opens"],
            "click_count": row["clicks"],
            "click_details": {},
        }
    return found


def html(body: str) -> str:
    """A body as HTML."""
    return body if "<" in body else f"<p>{body}</p>"


# ---- calls to us

NAMES = {
    "sent": "EMAIL_SENT", "opened": "EMAIL_OPEN", "clicked": "EMAIL_LINK_CLICK", "replied": "EMAIL_REPLY",
    "bounced": "EMAIL_BOUNCE", "unsubscribed": "LEAD_UNSUBSCRIBED", "categorised": "LEAD_CATEGORY_UPDATED",
    "campaign_status": "CAMPAIGN_STATUS_CHANGED", "disconnected": "EMAIL_ACCOUNT_DISCONNECTED",
    "untracked": "UNTRACKED_REPLIES",
}  # fmt: skip


def tell(world: World, happening: Happening) -> None:
    """Call the webhooks of the campaign; a mailbox's news go to every campaign's."""
    name = NAMES.get(happening.name)
    if name is None:
        return
    wanted = happening.campaign["id"] if happening.campaign is not None else None
    for hook in state.hooks(world, P, wanted):
        events = json.loads(hook["events"])
        names = [name]
        if name == "EMAIL_SENT" and happening.message is not None and happening.message["step"] == 1:
            names.insert(0, "FIRST_EMAIL_SENT")
        for each in names:
            if each in events:
                _call(world, hook, each, payload(world, happening, each, hook))


def _call(world: World, hook: Row, name: str, body: dict[str, Any]) -> None:
    faults = world.faults.for_webhook(P, name)
    for fault in faults:
        if fault.kind == "shape" and fault.variant in VARIANTS:
            body = VARIANTS[fault.variant](body)
    raw = json.dumps(body, ensure_ascii=False)
    digest = hmac.new(SECRET.encode(), raw.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Smartlead-Signature": f"sha256={digest}",
        "X-Webhook-Level": "campaign",
    }
    rules = "any_2xx final_4xx"
    world.deliveries.enqueue(
        Outgoing(P, f"{P}|{hook['id']}", name, hook["url"], headers, raw, rules=rules), faults
    )


def payload(world: World, happening: Happening, name: str, hook: Row) -> dict[str, Any]:
    """The body of a call: flat, with ``from_email`` always our mailbox."""
    now = iso_ms(utc_now())
    campaign_, lead_, member_ = happening.campaign, happening.lead, happening.member
    account_, message_ = happening.account, happening.message
    body: dict[str, Any] = {
        "webhook_id": hook["id"], "webhook_name": hook["name"], "event_type": name, "event_timestamp": now,
        "campaign_id": campaign_["id"] if campaign_ is not None else None,
        "campaign_name": campaign_["name"] if campaign_ is not None else None,
        "campaign_status": STATUS[campaign_["status"]] if campaign_ is not None else None,
        "client_id": None, "secret_key": SECRET,
        "from_email": account_["address"] if account_ is not None else None,
        "metadata": {"webhook_created_at": now},
    }  # fmt: skip
    if lead_ is None:
        return body
    body |= {
        "sl_email_lead_id": str(lead_["id"]), "sl_email_lead_map_id": member_["id"] if member_ is not None else None,
        "to_email": lead_["slug"], "to_name": world.people.meet(lead_["slug"]).name,
    }  # fmt: skip
    if message_ is not None:
        answered = state.message(world, P, message_["answers"]) if message_["answers"] else None
        sent = answered if message_["inbound"] and answered is not None else message_
        body |= {
            "stats_id": message_["thread"], "subject": sent["subject"], "sequence_number": sent["step"],
            "sent_message": _message(sent),
        }  # fmt: skip
    extra: Callable[[World, Happening, dict[str, Any], str], dict[str, Any]] = _EXTRA.get(name, _nothing)
    return body | extra(world, happening, body, now)


def _message(row: Row) -> dict[str, Any]:
    return {"message_id": row["message_id"], "html": html(row["body"]), "text": None, "time": row["sent_at"]}


def _nothing(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    return {}


def _sent(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    row = happening.message
    assert row is not None
    return {
        "time_sent": row["sent_at"], "custom_subject": row["subject"], "custom_email_message": html(row["body"]),
        "message_id": row["message_id"],
    }  # fmt: skip


def _replied(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    row = happening.message
    assert row is not None
    return {
        "sl_lead_email": body["to_email"], "cc_emails": [], "time_replied": row["sent_at"],
        "reply_message": _message(row), "reply_body": html(row["body"]), "message_id": row["message_id"],
        "preview_text": row["body"][:100], "reply_category": 0,
    }  # fmt: skip


def _untracked(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    """A mail that fits no thread: no campaign, no lead of one, no statistics."""
    unknown = (name for name in body if name.startswith("sl_") or name in {"stats_id", "sequence_number"})
    told = _replied(world, happening, body, now) | {"sent_message": None}
    return dict.fromkeys(unknown) | told


def _bounced(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    row = happening.message
    assert row is not None
    gone = {name: None for name in body if name.startswith("sl_")}
    return gone | {
        "time_sent": row["sent_at"], "message_id": row["message_id"], "is_bounced": True,
        "is_sender_originated_bounce": False,
        "bounce_reply_email_preview": "550 5.1.1 The email account that you tried to reach does not exist.",
    }  # fmt: skip


def _categorised(world: World, happening: Happening, body: dict[str, Any], now: str) -> dict[str, Any]:
    member_, lead_ = happening.member, happening.lead
    assert member_ is not None
    assert lead_ is not None
    word, before = member_["category"], happening.facts.get("before") or None
    sentiment = next((mood for _, name, mood in CATEGORIES if name == word), None)
    return {
        "stats_id": None, "lead_id": lead_["id"], "lead_email": lead_["slug"],
        "lead_name": world.people.meet(lead_["slug"]).name,
        "lead_data": lead(lead_) | {"category": {"name": word, "sentiment_type": sentiment}}, "category": word,
        "lead_category": {
            "old_id": category_id(before or ""), "old_name": before, "new_id": category_id(word), "new_name": word,
        },
    }  # fmt: skip


_EXTRA: dict[str, Callable[[World, Happening, dict[str, Any], str], dict[str, Any]]] = {
    "EMAIL_SENT": _sent,
    "FIRST_EMAIL_SENT": _sent,
    "EMAIL_OPEN": lambda world, happening, body, now: {"time_opened": now},
    "EMAIL_LINK_CLICK": lambda world, happening, body, now: {
        "time_clicked": now,
        "link_clicked": [happening.facts.get("url")],
        "link_details": [],
    },
    "EMAIL_REPLY": _replied,
    "UNTRACKED_REPLIES": _untracked,
    "EMAIL_BOUNCE": _bounced,
    "LEAD_UNSUBSCRIBED": lambda world, happening, body, now: {
        "lead_email": body["to_email"],
        "time_unsubscribed": now,
    },
    "LEAD_CATEGORY_UPDATED": _categorised,
}


# ---- other shapes of the same facts


def _enveloped(item: Any) -> Any:
    return {"ok": True, "data": item} if isinstance(item, list) else item


def _text_numbers(item: Any) -> Any:
    """Numbers as text, at the top."""
    if isinstance(item, dict):
        return {
            name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in item.items()
        }
    return item


def _leads_inserted(item: Any) -> Any:
    """The second documented answer to added leads."""
    if isinstance(item, dict) and "upload_count" in item:
        return {
            "ok": True, "inserted_count": item["upload_count"], "duplicate_count": item["duplicate_count"],
            "blocked_count": item["block_count"],
        }  # fmt: skip
    return item


def _leads_added(item: Any) -> Any:
    """The third documented answer to added leads."""
    if isinstance(item, dict) and "upload_count" in item:
        return {
            "success": True,
            "added_count": item["upload_count"],
            "skipped_count": item["duplicate_count"],
        }
    return item


def _aliased(item: Any) -> Any:
    """A call as the prose pages have it: keyed ``event``, with the lead's facts in an object of their own."""
    names = {"EMAIL_REPLY": "EMAIL_REPLIED", "EMAIL_OPEN": "EMAIL_OPENED", "EMAIL_BOUNCE": "EMAIL_BOUNCED"}
    if not (isinstance(item, dict) and "event_type" in item):
        return item
    moved = {
        "event": names.get(item["event_type"], item["event_type"]),
        "lead": {"email": item.get("to_email")},
    }
    return {name: value for name, value in item.items() if name not in {"event_type", "to_email"}} | moved


VARIANTS: dict[str, Callable[[Any], Any]] = {
    "smartlead_enveloped": _enveloped,
    "smartlead_text_numbers": _text_numbers,
    "smartlead_leads_inserted": _leads_inserted,
    "smartlead_leads_added": _leads_added,
    "smartlead_aliases": _aliased,
}

TELLERS[P] = tell
