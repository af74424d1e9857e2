"""Smartlead's API as far as the product uses it."""

from __future__ import annotations

import hmac
import json
from typing import Any

from integrations.sandbox.gateway import Answer, Call, Refusal
from integrations.sandbox.runs import engine, state
from integrations.sandbox.smartlead import shapes
from integrations.sandbox.smartlead.shapes import P, refusal
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_OK = {"ok": True}
_MOST_LEADS = 400
_WORDS = {"START": "running", "PAUSED": "paused", "PAUSE": "paused", "STOPPED": "stopped", "STOP": "stopped"}


def authenticate(world: World, call: Call) -> None:
    """The key in the query."""
    given = (call.query.get("api_key") or [""])[-1]
    if not given:
        raise Refusal(Answer({"message": "API key is required."}, 401))
    if not any(hmac.compare_digest(given.encode(), key.encode()) for key in world.settings["api_keys"]):
        raise Refusal(Answer({"message": "Invalid API Key"}, 401))


def _query(call: Call, name: str, default: str = "") -> str:
    return (call.query.get(name) or [default])[-1]


def _body(call: Call, *allowed: str) -> dict[str, Any]:
    """The JSON body; unknown fields are refused as Joi does."""
    if not isinstance(call.json, dict):
        raise refusal(400, '"value" must be of type object')
    for name in call.json:
        if allowed and name not in allowed:
            raise refusal(400, f'"{name}" is not allowed')
    return call.json


def _campaign(world: World, call: Call) -> Row:
    row = state.campaign(world, P, call.parameters["campaign"])
    if row is None:
        raise refusal(404, "Campaign not found")
    return row


# ---- campaigns


def list_campaigns(world: World, call: Call) -> Answer:
    """Everything at once; paging is refused."""
    for name in ("limit", "offset"):
        if name in call.query:
            raise refusal(400, f'"{name}" is not allowed')
    return Answer([shapes.campaign(world, row) for row in state.campaigns(world, P)])


def get_campaign(world: World, call: Call) -> Answer:
    """A missing one is answered with 200 and nothing."""
    row = state.campaign(world, P, call.parameters["campaign"])
    return Answer(content=b"") if row is None else Answer(shapes.campaign(world, row))


def create_campaign(world: World, call: Call) -> Answer:
    """A draft."""
    name = str(_body(call, "name", "client_id").get("name") or "Untitled")
    row = state.add_campaign(world, P, name)
    call.wrote("campaign", id=row["id"], name=name)
    return Answer({"ok": True, "id": row["id"], "name": name, "created_at": row["created_at"]})


def set_status(world: World, call: Call) -> Answer:
    """START, PAUSED, STOPPED; a campaign without steps, mailboxes or schedule does not start."""
    row = _campaign(world, call)
    word = str(_body(call).get("status"))
    if word not in _WORDS:
        raise refusal(400, '"status" must be one of [START, PAUSED, STOPPED]')
    if _WORDS[word] == "running":
        if not state.steps(world, row["id"]):
            raise refusal(400, "Campaign has no sequences")
        if not state.campaign_accounts(world, row["id"]):
            raise refusal(400, "Campaign has no email accounts")
        engine.start(world, row)
    else:
        engine.halt(world, row, _WORDS[word])
    call.wrote("campaign_status", id=row["id"], status=_WORDS[word])
    return Answer(_OK)


def settings(world: World, call: Call) -> Answer:
    """Settings: the newer words for tracking are refused by accounts of the older generation (a shape)."""
    row = _campaign(world, call)
    body = _body(
        call, "name", "track_settings", "stop_lead_settings", "unsubscribe_text", "send_as_plain_text",
        "force_plain_text", "follow_up_percentage", "client_id", "enable_ai_esp_matching",
    )  # fmt: skip
    for word in body.get("track_settings", []):
        if world.store.setting("smartlead_old_words") and word.startswith("DONT_TRACK_"):
            raise refusal(400, f'"track_settings[0]" must not be {word}')
    changed = json.dumps(json.loads(row["settings"]) | {k: v for k, v in body.items() if k != "name"})
    state.change_campaign(world, row, settings=changed, name=str(body.get("name") or row["name"]))
    call.wrote("campaign_settings", id=row["id"])
    return Answer({"success": True, "data": {}})


def schedule(world: World, call: Call) -> Answer:
    """Everything is required."""
    row = _campaign(world, call)
    names = (
        "timezone", "days_of_the_week", "start_hour", "end_hour", "min_time_btw_emails", "max_new_leads_per_day",
    )  # fmt: skip
    body = _body(call, *names, "schedule_start_time")
    for name in names:
        if name not in body:
            raise refusal(400, f'"{name}" is required')
    if not all(isinstance(day, int) and 0 <= day <= 6 for day in body["days_of_the_week"]):
        raise refusal(400, '"days_of_the_week[0]" must be less than or equal to 6')
    state.change_campaign(world, row, schedule=json.dumps(body))
    call.wrote("campaign_schedule", id=row["id"])
    return Answer(_OK)


def get_sequences(world: World, call: Call) -> Answer:
    """A bare list."""
    return Answer([shapes.step(row) for row in state.steps(world, _campaign(world, call)["id"])])


def save_sequences(world: World, call: Call) -> Answer:
    """Replaces all steps."""
    row = _campaign(world, call)
    if row["status"] == "running":
        raise refusal(400, "Sequences cannot be edited while ACTIVE")
    items = _body(call, "sequences").get("sequences")
    if not isinstance(items, list):
        raise refusal(400, '"sequences" must be an array')
    state.forget_steps(world, row["id"])
    for item in items:
        if "id" not in item:
            raise refusal(400, '"value" must be of type object')
        days = item["seq_delay_details"]["delay_in_days"]
        state.add_step(
            world, row["id"], item["seq_number"], "email", wait=days * 86400, subject=item["subject"],
            body=item["email_body"],
        )  # fmt: skip
    call.wrote("sequence", campaign=row["id"], steps=len(items))
    return Answer({"ok": True, "data": "success"})


# ---- mailboxes


def list_accounts(world: World, call: Call) -> Answer:
    """A bare list, paged."""
    limit, offset = int(_query(call, "limit", "100")), int(_query(call, "offset", "0"))
    if limit > 100:
        raise refusal(400, '"limit" must be less than or equal to 100')
    name = _query(call, "username").lower()
    rows = [row for row in state.accounts(world, P) if name in row["address"]]
    return Answer([shapes.account(row) for row in rows[offset : offset + limit]])


def campaign_accounts(world: World, call: Call) -> Answer:
    """The mailboxes of a campaign."""
    rows = state.campaign_accounts(world, _campaign(world, call)["id"])
    return Answer([shapes.account(row) for row in rows])


def change_accounts(world: World, call: Call) -> Answer:
    """POST attaches, DELETE (with a body) detaches."""
    row = _campaign(world, call)
    ids = _body(call, "email_account_ids", "auto_adjust_warmup").get("email_account_ids")
    if not isinstance(ids, list) or any(state.account(world, P, number) is None for number in ids):
        raise refusal(400, '"email_account_ids" must be an array of known ids')
    (state.attach if call.method == "POST" else state.detach)(world, row["id"], ids)
    call.wrote("campaign_accounts", campaign=row["id"], method=call.method, ids=ids)
    return Answer({"ok": True, "result": []})


# ---- leads


def add_leads(world: World, call: Call) -> Answer:
    """Adds, and counts what was there or is barred."""
    row = _campaign(world, call)
    body = _body(call, "lead_list", "settings")
    items = body.get("lead_list")
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST_LEADS:
        raise refusal(400, f'"lead_list" must contain less than or equal to {_MOST_LEADS} items')
    counts = dict.fromkeys(
        ("upload_count", "already_added_to_campaign", "invalid_email_count", "unsubscribed_leads"), 0
    )
    for item in items:
        mail = str(item.get("email", "")).lower()
        if "@" not in mail:
            counts["invalid_email_count"] += 1
            continue
        fields = {name: value for name, value in item.items() if name not in {"email", "custom_fields"}}
        lead, _ = state.put_lead(world, P, mail, fields | {"custom": item.get("custom_fields") or {}})
        if lead["unsubscribed"]:
            counts["unsubscribed_leads"] += 1
        elif engine.enrol(world, row, lead) is None:
            counts["already_added_to_campaign"] += 1
        else:
            counts["upload_count"] += 1
            call.wrote("lead", campaign=row["id"], email=mail)
    zero = {"duplicate_count": 0, "block_count": 0, "bounce_count": 0}
    return Answer({"ok": True, "total_leads": len(items), **counts, **zero})


def list_leads(world: World, call: Call) -> Answer:
    """An envelope with the total as text."""
    limit, offset = int(_query(call, "limit", "100")), int(_query(call, "offset", "0"))
    if limit > 100:
        raise refusal(400, '"limit" must be less than or equal to 100')
    rows, total = state.member_page(world, _campaign(world, call)["id"], limit, offset)
    window = [shapes.member(world, row) for row in rows]
    return Answer({"total_leads": str(total), "offset": offset, "limit": limit, "data": window})


def _member(world: World, call: Call) -> Row:
    row = state.member(world, _campaign(world, call)["id"], call.parameters["lead"])
    if row is None:
        raise refusal(404, "Lead not found in campaign")
    return row


def pause_lead(world: World, call: Call) -> Answer:
    """Holds."""
    state.change_member(world, _member(world, call), status="paused")
    return Answer({"ok": True, "data": "success"})


def resume_lead(world: World, call: Call) -> Answer:
    """Goes on; 500 at the last step."""
    row = _member(world, call)
    if row["step"] >= len(state.steps(world, row["campaign_id"])):
        raise refusal(500, "Cannot resume lead")
    changed = state.change_member(world, row, status="in_progress" if row["step"] else "pending")
    engine.plan(world, changed, wait=60)
    return Answer({"ok": True, "data": "success"})


def unsubscribe_lead(world: World, call: Call) -> Answer:
    """Ends this campaign for one person."""
    row = _member(world, call)
    engine.end(world, P, row, "stopped", "unsubscribed")
    return Answer(_OK)


def delete_lead(world: World, call: Call) -> Answer:
    """Answers with text."""
    row = _member(world, call)
    world.store.run("DELETE FROM runs_members WHERE id = ?", row["id"])
    return Answer(content=b"success", media_type="text/plain")


def categories(world: World, call: Call) -> Answer:
    """The account's categories."""
    return Answer(
        [{"id": number, "name": name, "sentiment_type": mood} for number, name, mood in shapes.CATEGORIES]
    )


def set_category(world: World, call: Call) -> Answer:
    """Sorts a person."""
    row = _member(world, call)
    body = _body(call, "category_id", "pause_lead")
    number = body.get("category_id")
    word = next((name for known, name, _ in shapes.CATEGORIES if known == number), "")
    if number is not None and not word:
        raise refusal(400, '"category_id" is unknown')
    before = row["category"]
    row = state.change_member(
        world, row, category=word, **({"status": "paused"} if body.get("pause_lead") else {})
    )
    engine.tell(world, P, "categorised", member=row, before=before)
    return Answer(_OK)


# ---- threads and counters


def message_history(world: World, call: Call) -> Answer:
    """A thread."""
    row = _member(world, call)
    lead = state.must(state.lead(world, P, row["lead_id"]))
    found = state.messages(world, P, campaign_id=row["campaign_id"], lead_id=row["lead_id"])
    account = state.account(world, P, row["account_id"])
    body = {"history": [shapes.history(item) for item in found]}
    return Answer(body | {"from": account["address"] if account else "", "to": lead["slug"]})


def inbox(world: World, call: Call) -> Answer:
    """``POST /master-inbox/inbox-replies``: threads by their last reply."""
    body = _body(call)
    limit, offset = int(body.get("limit", 20)), int(body.get("offset", 0))
    if limit > 20:
        raise refusal(400, '"limit" must be less than or equal to 20')
    rows = world.store.all(
        "SELECT campaign_id, lead_id, account_id, MAX(id) AS last, MAX(sent_at) AS at FROM runs_messages"
        " WHERE p = ? AND inbound = 1 AND campaign_id IS NOT NULL"
        " GROUP BY campaign_id, lead_id ORDER BY last DESC LIMIT ? OFFSET ?",
        P, limit, offset,
    )  # fmt: skip
    items = []
    for row in rows:
        lead = state.must(state.lead(world, P, row["lead_id"]))
        member = state.member(world, row["campaign_id"], row["lead_id"])
        account = state.must(state.account(world, P, row["account_id"]))
        history = []
        for item in state.messages(world, P, campaign_id=row["campaign_id"], lead_id=row["lead_id"]):
            ends = (
                (lead["slug"], account["address"]) if item["inbound"] else (account["address"], lead["slug"])
            )
            history.append(shapes.history(item) | {"from": ends[0], "to": ends[1]})
        items.append(
            {
                "email_lead_map_id": member["id"] if member else None, "email_lead_id": lead["id"],
                "lead_email": lead["slug"], "last_reply_time": row["at"], "email_campaign_id": row["campaign_id"],
                "email_history": history,
            }
        )  # fmt: skip
    return Answer({"ok": True, "data": items, "offset": offset, "limit": limit})


def reply(world: World, call: Call) -> Answer:
    """Answers a thread by its statistics id."""
    _campaign(world, call)
    body = _body(call)
    answered = state.message(world, P, body.get("reply_message_id") or body.get("email_stats_id") or "")
    if answered is None or answered["thread"] != body.get("email_stats_id"):
        raise refusal(400, "email_stats_id is invalid")
    row = engine.answer(world, P, answered, str(body.get("email_body") or ""))
    call.wrote("reply", message_id=row["message_id"], to=body.get("to_email"))
    return Answer({"success": True, "message": "Email added to the queue, will be sent out soon!"})


def analytics(world: World, call: Call) -> Answer:
    """Counters as text."""
    row = _campaign(world, call)
    messages = state.messages(world, P, campaign_id=row["id"])
    sent = [item for item in messages if not item["inbound"]]
    members = state.members(world, row["id"])
    counts = {
        "sent_count": len(sent), "unique_sent_count": len({item["lead_id"] for item in sent}),
        "open_count": sum(item["opens"] for item in sent),
        "unique_open_count": sum(bool(item["opens"]) for item in sent),
        "click_count": sum(item["clicks"] for item in sent),
        "unique_click_count": sum(bool(item["clicks"]) for item in sent),
        "reply_count": len({item["lead_id"] for item in messages if item["inbound"]}), "block_count": 0,
        "bounce_count": sum(item["bounced"] for item in sent),
        "unsubscribed_count": sum(item["reason"] == "unsubscribed" for item in members),
    }  # fmt: skip
    body: dict[str, Any] = {name: str(value) for name, value in counts.items()}
    body |= {"id": row["id"], "name": row["name"], "status": shapes.STATUS[row["status"]]}
    interested = sum(item["category"] == "Interested" for item in members)
    return Answer(body | {"campaign_lead_stats": {"total": len(members), "interested": interested}})


# ---- webhooks


def list_hooks(world: World, call: Call) -> Answer:
    """The webhooks of a campaign."""
    rows = state.hooks(world, P, _campaign(world, call)["id"])
    return Answer(
        [
            {"id": row["id"], "name": row["name"], "webhook_url": row["url"], "event_types": json.loads(row["events"]),
             "categories": []}
            for row in rows
        ]
    )  # fmt: skip


def save_hook(world: World, call: Call) -> Answer:
    """Makes one, or changes the one that is named."""
    campaign = _campaign(world, call)
    body = _body(call, "id", "name", "webhook_url", "event_types", "categories")
    events = json.dumps(body.get("event_types") or [])
    if body.get("id") is None:
        world.store.insert(
            "runs_webhooks",
            p=P,
            campaign_id=campaign["id"],
            url=body["webhook_url"],
            name=body["name"],
            events=events,
        )
    else:
        world.store.run(
            "UPDATE runs_webhooks SET url = ?, events = ? WHERE id = ?",
            body["webhook_url"],
            events,
            body["id"],
        )
    call.wrote("webhook", campaign=campaign["id"])
    return Answer(_OK)


def delete_hook(world: World, call: Call) -> Answer:
    """A DELETE with a body."""
    campaign = _campaign(world, call)
    number = _body(call, "id").get("id")
    done = world.store.run(
        "DELETE FROM runs_webhooks WHERE id = ? AND campaign_id = ?", number, campaign["id"]
    )
    if not done:
        raise refusal(404, "Webhook not found")
    return Answer(_OK)
