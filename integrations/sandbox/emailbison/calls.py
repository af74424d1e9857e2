"""EmailBison's API as far as the product uses it."""

from __future__ import annotations

import hmac
import json
from typing import Any

from integrations.sandbox.emailbison import shapes
from integrations.sandbox.emailbison.shapes import P, missing, page, refusal
from integrations.sandbox.gateway import Answer, Call, Refusal
from integrations.sandbox.runs import engine, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETTINGS = (
    "max_emails_per_day", "max_new_leads_per_day", "plain_text", "open_tracking", "can_unsubscribe", "unsubscribe_text",
)  # fmt: skip


def authenticate(world: World, call: Call) -> None:
    """A bearer token."""
    _, _, given = call.headers.get("authorization", "").partition(" ")
    if not any(hmac.compare_digest(given.encode(), key.encode()) for key in world.settings["api_keys"]):
        raise Refusal(Answer({"message": "Unauthenticated."}, 401))


def _body(call: Call) -> dict[str, Any]:
    if not isinstance(call.json, dict):
        raise refusal(422, "The body is missing.")
    return call.json


def _invalid(field: str) -> Refusal:
    message = f"The {field.replace('_', ' ')} field is required."
    return Refusal(Answer({"message": message, "errors": {field: [message]}}, 422))


def _campaign(world: World, call: Call) -> Row:
    row = state.campaign(world, P, call.parameters["campaign"])
    if row is None:
        raise missing()
    return row


def _done(message: str) -> Answer:
    return Answer({"data": {"success": True, "message": message}})


def users(world: World, call: Call) -> Answer:
    """Who the token is, with a secret in it."""
    workspace = {"id": 10, "name": "Sandbox", "main": True, "webhooks_secret_key": "do-not-log-me"}
    return Answer({"data": {"id": 1, "name": "Sandbox", "workspace": workspace}})


# ---- campaigns


def list_campaigns(world: World, call: Call) -> Answer:
    """Pages of 15."""
    return page(call, [shapes.campaign(world, row) for row in state.campaigns(world, P)])


def get_campaign(world: World, call: Call) -> Answer:
    """One."""
    return Answer({"data": shapes.campaign(world, _campaign(world, call))})


def create_campaign(world: World, call: Call) -> Answer:
    """A draft; anything but the name is dropped."""
    name = str(_body(call).get("name") or "")
    if not name:
        raise _invalid("name")
    row = state.add_campaign(world, P, name)
    call.wrote("campaign", id=row["id"], name=name)
    return Answer({"data": shapes.campaign(world, row)}, 201)


def update_campaign(world: World, call: Call) -> Answer:
    """Settings; unknown ones are dropped."""
    row, body = _campaign(world, call), _body(call)
    settings = json.loads(row["settings"]) | {name: body[name] for name in _SETTINGS if name in body}
    row = state.change_campaign(
        world, row, settings=json.dumps(settings), name=str(body.get("name") or row["name"])
    )
    call.wrote("campaign_settings", id=row["id"])
    return Answer({"data": shapes.campaign(world, row)})


def turn(world: World, call: Call) -> Answer:
    """``resume`` (which also launches), ``pause``, ``archive``."""
    row, verb = _campaign(world, call), call.parameters["verb"]
    if verb == "resume":
        if not state.steps(world, row["id"]):
            raise refusal(400, "The campaign has no sequence steps.")
        if json.loads(row["schedule"]) == {}:
            raise refusal(400, "The campaign has no schedule.")
        row = engine.start(world, row)
    elif verb in {"pause", "archive"}:
        row = engine.halt(world, row, "paused" if verb == "pause" else "archived")
    else:
        raise Refusal(Answer({"message": f"The route {call.path} could not be found."}, 404))
    call.wrote("campaign_status", id=row["id"], status=row["status"])
    return Answer({"data": shapes.campaign(world, row)})


def get_schedule(world: World, call: Call) -> Answer:
    """None is told by 200 and ``success: false``."""
    schedule = json.loads(_campaign(world, call)["schedule"])
    if not schedule:
        raise refusal(200, "Schedule not found for this campaign.")
    return Answer({"data": schedule})


def set_schedule(world: World, call: Call) -> Answer:
    """POST refuses where there is one, PUT where there is none."""
    row, body = _campaign(world, call), _body(call)
    exists = json.loads(row["schedule"]) != {}
    if exists == (call.method == "POST"):
        raise refusal(
            400, "A schedule exists already." if exists else "Schedule not found for this campaign."
        )
    for name in (*_DAYS, "start_time", "end_time", "timezone"):
        if name not in body:
            raise _invalid(name)
    state.change_campaign(world, row, schedule=json.dumps(body))
    call.wrote("campaign_schedule", id=row["id"])
    return Answer({"data": body})


def get_steps(world: World, call: Call) -> Answer:
    """None is told by 200 and ``success: false``."""
    row = _campaign(world, call)
    steps = state.steps(world, row["id"])
    if not steps:
        raise refusal(200, f"Sequence steps do not exist for campaign {row['id']}.")
    return Answer({"data": [shapes.step(item) for item in steps]})


def add_steps(world: World, call: Call) -> Answer:
    """Appends."""
    row, body = _campaign(world, call), _body(call)
    for name in ("title", "sequence_steps"):
        if not body.get(name):
            raise _invalid(name)
    for item in body["sequence_steps"]:
        if int(item.get("wait_in_days", 0)) < 1:
            raise _invalid("wait_in_days")
        shape = {"thread_reply": bool(item.get("thread_reply")), "wait_in_days": item["wait_in_days"]}
        state.add_step(
            world, row["id"], item["order"], "email", wait=item["wait_in_days"] * 86400,
            subject=item["email_subject"], body=item["email_body"], shape=shape,
        )  # fmt: skip
    call.wrote("sequence", campaign=row["id"], steps=len(body["sequence_steps"]))
    return get_steps(world, call)


def delete_step(world: World, call: Call) -> Answer:
    """Removes one step."""
    if not world.store.run("DELETE FROM runs_steps WHERE CAST(id AS TEXT) = ?", call.parameters["step"]):
        raise missing()
    return _done("Deleted")


# ---- mailboxes


def list_accounts(world: World, call: Call) -> Answer:
    """Pages of 15."""
    return page(call, [shapes.account(row) for row in state.accounts(world, P)])


def get_account(world: World, call: Call) -> Answer:
    """One."""
    row = state.account(world, P, call.parameters["account"])
    if row is None:
        raise missing()
    return Answer({"data": shapes.account(row)})


def campaign_accounts(world: World, call: Call) -> Answer:
    """The mailboxes of a campaign."""
    return page(
        call, [shapes.account(row) for row in state.campaign_accounts(world, _campaign(world, call)["id"])]
    )


def change_accounts(world: World, call: Call) -> Answer:
    """POST attaches, DELETE (with a body) removes."""
    row = _campaign(world, call)
    ids = _body(call).get("sender_email_ids")
    if not isinstance(ids, list) or any(state.account(world, P, number) is None for number in ids):
        raise _invalid("sender_email_ids")
    (state.attach if call.method == "POST" else state.detach)(world, row["id"], ids)
    call.wrote("campaign_accounts", campaign=row["id"], method=call.method, ids=ids)
    return _done("Sender emails changed")


# ---- leads


def list_variables(world: World, call: Call) -> Answer:
    """Declared custom variables."""
    return page(call, [{"id": place, "name": name} for place, name in enumerate(_variables(world), 1)])


def _variables(world: World) -> list[str]:
    return list(world.store.setting("emailbison_variables", []))


def add_variable(world: World, call: Call) -> Answer:
    """Declares one."""
    name = str(_body(call).get("name") or "")
    if not name:
        raise _invalid("name")
    world.store.set_setting("emailbison_variables", sorted({*_variables(world), name.lower()}))
    return Answer({"data": {"name": name}}, 201)


def write_leads(world: World, call: Call) -> Answer:
    """Makes or updates people; an undeclared variable refuses all."""
    items = _body(call).get("leads")
    if not isinstance(items, list):
        raise _invalid("leads")
    rows = []
    for item in items:
        for name in ("email", "first_name", "last_name"):
            if not item.get(name):
                raise _invalid(name)
        custom = item.get("custom_variables") or []
        if not isinstance(custom, list) or any(
            each["name"].lower() not in _variables(world) for each in custom
        ):
            raise _invalid("custom_variables")
        known = {key: value for key, value in item.items() if key != "email"}
        known["custom"] = {each["name"]: each.get("value") for each in custom}
        row, _ = state.put_lead(world, P, item["email"], known)
        call.wrote("lead", email=row["slug"])
        rows.append(shapes.lead(world, row))
    return Answer({"data": rows})


def _lead(world: World, call: Call) -> Row:
    row = state.lead(world, P, call.parameters["lead"])
    if row is None:
        raise missing()
    return row


def get_lead(world: World, call: Call) -> Answer:
    """By number or address."""
    return Answer({"data": shapes.lead(world, _lead(world, call))})


def attach_leads(world: World, call: Call) -> Answer:
    """All or none: who bounced, unsubscribed or does not exist refuses the batch.

    A running campaign has them only after a while (``attach_delay_minutes``).
    """
    row = _campaign(world, call)
    leads = [state.lead(world, P, number) for number in _body(call).get("lead_ids") or []]
    if any(lead is None or shapes.lead(world, lead)["status"] != "verified" for lead in leads):
        raise refusal(400, "Some leads are in sequence, bounced or unsubscribed: no leads were added.")
    delay = world.settings["attach_delay_minutes"] * 60 if row["status"] == "running" else 0
    for lead in leads:
        if delay:
            engine.enrol_later(world, row, state.must(lead), wait=delay)
        else:
            engine.enrol(world, row, state.must(lead))
    call.wrote("attach", campaign=row["id"], leads=len(leads))
    return _done("Leads are being added; this can take up to five minutes.")


def list_leads(world: World, call: Call) -> Answer:
    """Pages of 15."""
    rows = state.members(world, _campaign(world, call)["id"])
    return page(call, [shapes.lead(world, state.must(state.lead(world, P, row["lead_id"]))) for row in rows])


def stop_leads(world: World, call: Call) -> Answer:
    """200 for anybody."""
    row = _campaign(world, call)
    for number in _body(call).get("lead_ids") or []:
        member = state.member(world, row["id"], number)
        if member is not None:
            engine.end(world, P, member, "stopped")
    return _done("Future emails are stopped.")


# ---- threads


def sent_emails(world: World, call: Call) -> Answer:
    """The mails of campaigns to a lead."""
    rows = state.messages(world, P, lead_id=_lead(world, call)["id"])
    return page(call, [shapes.scheduled(world, row) for row in rows if not row["inbound"] and row["step"]])


def lead_replies(world: World, call: Call) -> Answer:
    """The inbox of a lead, newest first."""
    rows = state.messages(world, P, lead_id=_lead(world, call)["id"])
    found = [row for row in reversed(rows) if row["inbound"] or not row["step"]]
    return page(call, [shapes.reply(world, row) for row in found])


def replies(world: World, call: Call) -> Answer:
    """The inbox by cursor, newest first, with our own answers in it."""
    rows = [row for row in reversed(state.messages(world, P)) if row["inbound"] or not row["step"]]
    start = int((call.query.get("cursor") or ["0"])[-1])
    window = rows[start : start + shapes.PAGE]
    following = str(start + shapes.PAGE) if start + shapes.PAGE < len(rows) else None
    meta = {"path": call.path, "per_page": shapes.PAGE, "next_cursor": following, "prev_cursor": None}
    return Answer({"data": [shapes.reply(world, row) for row in window], "meta": meta})


def answer(world: World, call: Call) -> Answer:
    """Answers a row of the inbox."""
    row, body = state.message(world, P, call.parameters["reply"]), _body(call)
    if row is None:
        raise missing()
    for name in ("message", "sender_email_id", "to_emails"):
        if not body.get(name):
            raise _invalid(name)
    if any("email_address" not in item for item in body["to_emails"]):
        raise _invalid("to_emails")
    made = engine.answer(world, P, row, str(body["message"]))
    call.wrote("reply", message_id=made["message_id"])
    return Answer({"data": {"success": True, "message": "Reply sent", "reply": shapes.reply(world, made)}})


# ---- webhooks


def _hook(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"], "url": row["url"], "events": json.loads(row["events"])}


def list_hooks(world: World, call: Call) -> Answer:
    """Pages of 15."""
    return page(call, [_hook(row) for row in state.hooks(world, P)])


def add_hook(world: World, call: Call) -> Answer:
    """Makes one more, also for the same address."""
    body = _body(call)
    for name in ("name", "url", "events"):
        if not body.get(name):
            raise _invalid(name)
    events = json.dumps(body["events"])
    number = world.store.insert("runs_webhooks", p=P, url=body["url"], name=body["name"], events=events)
    call.wrote("webhook", id=number)
    row = next(row for row in state.hooks(world, P) if row["id"] == number)
    return Answer({"data": _hook(row)}, 201)


def delete_hook(world: World, call: Call) -> Answer:
    """404 if it is gone."""
    done = world.store.run(
        "DELETE FROM runs_webhooks WHERE p = ? AND CAST(id AS TEXT) = ?", P, call.parameters["hook"]
    )
    if not done:
        raise missing()
    return Answer(status=204, content=b"")
