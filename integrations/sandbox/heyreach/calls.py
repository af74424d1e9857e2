"""HeyReach's API as far as the product uses it. Void operations answer 200 and nothing."""

from __future__ import annotations

import hmac
import json
from typing import Any

from integrations.sandbox.gateway import Answer, Call, Refusal
from integrations.sandbox.heyreach import shapes
from integrations.sandbox.heyreach.shapes import P, refusal
from integrations.sandbox.runs import engine, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

#: A key of an organization: everyday routes answer it with 200 and a sentence.
ORGANIZATION_KEY = "sandbox-organization-key"
_EMPTY = Answer(content=b"")
_KINDS = {
    "CONNECTION_REQUEST": "invite", "MESSAGE": "message", "INMAIL": "inmail", "VIEW_PROFILE": "view",
    "FOLLOW": "follow", "LIKE_POST": "like",
}  # fmt: skip


def authenticate(world: World, call: Call) -> None:
    """The key in a header."""
    given = call.headers.get("x-api-key", "")
    if given == ORGANIZATION_KEY:
        text = b"The API key you are using is not a workspace-level key."
        raise Refusal(Answer(content=text, media_type="text/plain"))
    if not any(hmac.compare_digest(given.encode(), key.encode()) for key in world.settings["api_keys"]):
        raise refusal(401, "Unauthorized")


def check_key(world: World, call: Call) -> Answer:
    """200 and nothing."""
    return _EMPTY


def _body(call: Call) -> dict[str, Any]:
    return call.json if isinstance(call.json, dict) else {}


def _campaign(world: World, identifier: object) -> Row:
    row = state.campaign(world, P, identifier)
    if row is None:
        raise refusal(404, "Campaign not found")
    return row


def _asked(world: World, call: Call) -> Row:
    return _campaign(world, (call.query.get("campaignId") or [""])[-1] or _body(call).get("campaignId"))


def _page(call: Call, items: list[dict[str, Any]]) -> Answer:
    limit, offset = int(_body(call).get("limit", 100)), int(_body(call).get("offset", 0))
    if limit > 100:
        raise refusal(400, "Limit must be at most 100")
    return Answer({"totalCount": len(items), "items": items[offset : offset + limit]})


def list_accounts(world: World, call: Call) -> Answer:
    """Seats."""
    return _page(call, [shapes.account(row) for row in state.accounts(world, P)])


def get_account(world: World, call: Call) -> Answer:
    """One seat."""
    row = state.account(world, P, (call.query.get("accountId") or [""])[-1])
    if row is None:
        raise refusal(404, "Account not found")
    return Answer(shapes.account(row))


def list_campaigns(world: World, call: Call) -> Answer:
    """Campaigns."""
    return _page(call, [shapes.campaign(world, row) for row in state.campaigns(world, P)])


def get_campaign(world: World, call: Call) -> Answer:
    """One campaign."""
    return Answer(shapes.campaign(world, _asked(world, call)))


def create_list(world: World, call: Call) -> Answer:
    """An empty list."""
    name = str(_body(call).get("name"))
    return Answer({"id": world.store.insert("runs_lists", p=P, name=name), "name": name})


def create_campaign(world: World, call: Call) -> Answer:
    """A draft: the answer says ``campaignId``."""
    body = _body(call)
    ids = body.get("linkedInAccountIds") or []
    if not ids or not body.get("linkedInUserListId"):
        problem = {"title": "One or more validation errors occurred.", "status": 400}
        raise Refusal(
            Answer(problem | {"errors": {"AccountIds": ["The AccountIds field is required."]}}, 400)
        )
    row = state.add_campaign(world, P, str(body["name"]), list_id=body["linkedInUserListId"])
    state.attach(world, row["id"], ids)
    call.wrote("campaign", id=row["id"], name=row["name"])
    return Answer({"campaignId": row["id"]})


def _editable(row: Row) -> Row:
    if row["status"] not in {"draft", "paused"}:
        raise refusal(400, "The campaign cannot be edited while it is active")
    return row


def update_settings(world: World, call: Call) -> Answer:
    """The name."""
    row = _editable(_asked(world, call))
    state.change_campaign(world, row, name=str(_body(call).get("name") or row["name"]))
    return _EMPTY


def update_schedule(world: World, call: Call) -> Answer:
    """The hours, which cannot be read back."""
    state.change_campaign(
        world, _editable(_asked(world, call)), schedule=json.dumps(_body(call).get("schedule"))
    )
    return _EMPTY


def update_accounts(world: World, call: Call) -> Answer:
    """Replaces the seats."""
    row, ids = _editable(_asked(world, call)), _body(call).get("linkedInAccountIds") or []
    if not ids or any(state.account(world, P, number) is None for number in ids):
        raise refusal(400, "AccountIds are required")
    state.detach(world, row["id"], [item["id"] for item in state.campaign_accounts(world, row["id"])])
    state.attach(world, row["id"], ids)
    return _EMPTY


def update_sequence(world: World, call: Call) -> Answer:
    """Replaces the tree; a child of an action waits at least three hours."""
    row = _editable(_asked(world, call))
    root = _body(call).get("sequence")
    state.forget_steps(world, row["id"])
    node, number = root, 0
    while node and node["nodeType"] != "END":
        number += 1
        hours = node["actionDelay"] * (24 if node["actionDelayUnit"] == "DAY" else 1)
        if number > 1 and hours < 3:
            raise refusal(400, "invalid delay")
        messages = (node.get("payload") or {}).get("messages") or [""]
        body = messages[0]["message"] if isinstance(messages[0], dict) else messages[0]
        shape = {"sequence": root} if number == 1 else {}
        kind = _KINDS[node["nodeType"]]
        state.add_step(world, row["id"], number, kind, wait=hours * 3600, body=body, shape=shape)
        node = node["conditionalNode"] if kind == "invite" else node["unconditionalNode"]
    call.wrote("sequence", campaign=row["id"], steps=number)
    return _EMPTY


def get_sequence(world: World, call: Call) -> Answer:
    """The tree."""
    found = state.steps(world, _asked(world, call)["id"])
    return Answer(json.loads(found[0]["shape"])["sequence"] if found else {"nodeType": "END"})


def start(world: World, call: Call) -> Answer:
    """Starts a draft. One without people falls back to PAUSED."""
    row = _asked(world, call)
    if row["status"] != "draft":
        raise refusal(400, "Only draft campaigns can be started")
    return _run(world, call, row)


def resume(world: World, call: Call) -> Answer:
    """Resumes; a draft is refused."""
    row = _asked(world, call)
    if row["status"] not in {"paused", "completed"}:
        raise refusal(400, "You can only resume paused, finished or failed campaigns")
    return _run(world, call, row)


def _run(world: World, call: Call, row: Row) -> Answer:
    if state.members(world, row["id"]):
        engine.start(world, row)
    else:
        engine.halt(world, row, "paused")
    call.wrote("campaign_status", id=row["id"])
    return _EMPTY


def pause(world: World, call: Call) -> Answer:
    """Pauses an active campaign."""
    row = _asked(world, call)
    if row["status"] != "running":
        raise refusal(400, "You can only pause active campaigns")
    engine.halt(world, row, "paused")
    return _EMPTY


def _add(world: World, call: Call, campaign: Row | None, leads: list[dict[str, Any]]) -> Answer:
    """Adds people; who lacks a name is dropped without a word."""
    added = updated = 0
    for item in leads:
        if not (item.get("firstName") and item.get("lastName") and item.get("profileUrl")):
            continue
        custom = {field["name"]: field["value"] for field in item.get("customUserFields") or []}
        lead, _ = state.put_lead(world, P, item["profileUrl"], item | {"custom": custom})
        if campaign is not None and engine.enrol(world, campaign, lead) is None:
            updated += 1
        else:
            added += 1
            call.wrote("lead", slug=lead["slug"])
    return Answer({"addedLeadsCount": added, "updatedLeadsCount": updated, "failedLeadsCount": 0})


def add_to_list(world: World, call: Call) -> Answer:
    """Adds people to a list, and so to the campaign on it."""
    number = _body(call).get("listId")
    campaign = next((row for row in state.campaigns(world, P) if row["list_id"] == number), None)
    return _add(world, call, campaign, _body(call).get("leads") or [])


def add_to_campaign(world: World, call: Call) -> Answer:
    """Adds people to a campaign that is no draft."""
    row = _asked(world, call)
    if row["status"] == "draft":
        raise refusal(400, "You cannot add new leads to a draft campaign")
    return _add(world, call, row, [pair["lead"] for pair in _body(call).get("accountLeadPairs") or []])


def list_leads(world: World, call: Call) -> Answer:
    """People of a campaign."""
    rows = state.members(world, _asked(world, call)["id"])
    return _page(call, [shapes.member(world, row) for row in rows])


def stop_lead(world: World, call: Call) -> Answer:
    """By the numeric member id alone."""
    wanted = str(_body(call).get("leadMemberId"))
    for row in state.members(world, _asked(world, call)["id"]):
        if shapes.member(world, row)["linkedInUserProfile"]["linkedin_id"] == wanted:
            engine.end(world, P, row, "stopped", "Manually paused through the API")
            return _EMPTY
    raise refusal(404, "The lead is not present in the campaign")


def conversations(world: World, call: Call) -> Answer:
    """Conversations, the newest first."""
    filters = _body(call).get("filters") or {}
    found = []
    for campaign in state.campaigns(world, P):
        if filters.get("campaignIds") and campaign["id"] not in filters["campaignIds"]:
            continue
        rows = state.members(world, campaign["id"])
        found += [shapes.conversation(world, row) for row in rows if shapes.conversation_rows(world, row)]
    url = filters.get("leadProfileUrl")
    found = [item for item in found if not url or item["correspondentProfile"]["profileUrl"] == url]
    return _page(call, sorted(found, key=lambda item: str(item["lastMessageAt"]), reverse=True))


def send_message(world: World, call: Call) -> Answer:
    """Answers in a conversation that exists."""
    body = _body(call)
    for campaign in state.campaigns(world, P):
        for row in state.members(world, campaign["id"]):
            rows = shapes.conversation_rows(world, row)
            if rows and shapes.conversation_id(row) == body.get("conversationId"):
                made = engine.answer(world, P, rows[-1], str(body.get("message")))
                call.wrote("message", id=made["id"], text=made["body"])
                return _EMPTY
    raise refusal(404, "Conversation not found")


def statistics(world: World, call: Call) -> Answer:
    """Counters of campaigns."""
    wanted = _body(call).get("campaignIds") or [row["id"] for row in state.campaigns(world, P)]
    messages = [row for number in wanted for row in state.messages(world, P, campaign_id=number)]
    members = [row for number in wanted for row in state.members(world, number)]
    sent = [row for row in messages if not row["inbound"]]
    overall = {
        "messagesSent": sum(row["kind"] == "message" for row in sent),
        "totalMessageReplies": len({row["lead_id"] for row in messages if row["inbound"]}),
        "connectionsSent": sum(row["invited"] for row in members),
        "connectionsAccepted": sum(row["connected"] for row in members),
        "uniqueLeadsContacted": len({row["lead_id"] for row in sent}),
    }
    return Answer({"byDayStats": {}, "overallStats": overall})


def create_hook(world: World, call: Call) -> Answer:
    """One kind of event for each."""
    body = _body(call)
    number = world.store.insert(
        "runs_webhooks",
        p=P,
        url=body["webhookUrl"],
        name=body["webhookName"],
        events=json.dumps([body["eventType"]]),
    )
    return Answer({"id": number})


def list_hooks(world: World, call: Call) -> Answer:
    """All of them."""
    return _page(
        call,
        [
            {"id": row["id"], "webhookName": row["name"], "webhookUrl": row["url"],
             "eventType": json.loads(row["events"])[0], "campaignIds": [], "isActive": bool(row["enabled"])}
            for row in state.hooks(world, P)
        ],
    )  # fmt: skip


def delete_hook(world: World, call: Call) -> Answer:
    """404 if it is gone."""
    number = (call.query.get("webhookId") or [""])[-1]
    if not world.store.run("DELETE FROM runs_webhooks WHERE p = ? AND CAST(id AS TEXT) = ?", P, number):
        raise refusal(404, "Webhook not found")
    return _EMPTY
