"""People, relations and invitations (docs/providers/unipile.md, 3)."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.clock import DAY
from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.people import Person
from integrations.sandbox.store import Row
from integrations.sandbox.unipile import access, params, prospects, shapes, state
from integrations.sandbox.unipile.errors import refusal
from integrations.sandbox.world import World

#: LinkedIn takes notes of this length from everybody, and shorter ones from free accounts.
NOTE_LENGTH, FREE_NOTE_LENGTH = 300, 200
_USAGE_MARKS = (50, 75, 90, 95)


def me(world: World, call: Call) -> Answer:
    """``GET /users/me``."""
    seat = access.live_seat(world, call)
    return Answer(shapes.owner(seat, world.people.meet(seat["provider_id"])))


def profile(world: World, call: Call) -> Answer:
    """``GET /users/{identifier}``: slug or member id."""
    seat = access.live_seat(world, call)
    person = access.person(world, call, call.parameters["identifier"])
    sections = call.query.get("linkedin_sections", [])
    body = shapes.profile(world, seat, person, sections)
    if params.text(call, "linkedin_api") == "sales_navigator":
        if "sales_navigator" not in state.features(seat):
            raise refusal("feature_not_subscribed", call.path)
        body["provider_id"] = f"ACw{person.provider_id[3:]}"
    return Answer(body)


def relations(world: World, call: Call) -> Answer:
    """``GET /users/relations``: newest first."""
    seat = access.live_seat(world, call)
    size, start = params.limit(call, 1000, 100), params.offset(call)
    wanted = (params.text(call, "filter") or "").casefold()
    rows = world.store.all(
        "SELECT * FROM unipile_relations WHERE account_id = ? ORDER BY since_ms DESC, seq DESC", seat["id"]
    )
    found = [(world.people.meet(row["provider_id"]), row["since_ms"]) for row in rows] if wanted else None
    if found is not None:
        chosen = [pair for pair in found if wanted in pair[0].name.casefold()]
        page, total = chosen[start : start + size], len(chosen)
    else:
        page = [
            (world.people.meet(row["provider_id"]), row["since_ms"]) for row in rows[start : start + size]
        ]
        total = len(rows)
    more = params.encode_cursor([start + size]) if start + size < total else None
    return Answer(
        params.listing("UserRelationsList", [shapes.relation(person, since) for person, since in page], more)
    )


def invite(world: World, call: Call) -> Answer:
    """``POST /users/invite`` by member id, under LinkedIn's own rules and quotas."""
    provider_id, account_id = params.body_text(call, "provider_id"), params.body_text(call, "account_id")
    note = params.body_text(call, "message", needed=False)
    seat = access.live_seat(world, call, account_id)
    if not provider_id.startswith(("ACo", "ADo")):
        raise refusal("invalid_recipient", call.path)
    person = access.person(world, call, provider_id)
    _check_note(world, call, seat, note)
    _check_recipient(world, call, seat, person)
    now = world.clock.now()
    _check_quota(world, call, seat, now)
    invitation_id = state.add_invitation(
        world, account_id=seat["id"], provider_id=person.provider_id, direction="SENT", note=note, at=now
    )
    call.wrote("invitation", invitation_id=invitation_id, account_id=seat["id"],
               provider_id=person.provider_id, text=note)  # fmt: skip
    prospects.on_invited(world, seat, person, invitation_id)
    body: dict[str, Any] = {"object": "UserInvitationSent", "invitation_id": invitation_id}
    mark = _usage_mark(world, seat, now)
    return Answer(body | ({"usage": mark} if mark else {}))


def _check_note(world: World, call: Call, seat: Row, note: str) -> None:
    free = not state.features(seat)
    if len(note) > (FREE_NOTE_LENGTH if free else NOTE_LENGTH):
        raise refusal("too_many_characters", call.path)
    allowed = world.settings["free_notes_per_month"]
    if free and note and state.notes_since(world, seat["id"], world.clock.now() - 30 * DAY) >= allowed:
        raise refusal("cannot_resend_yet", call.path)


def _check_recipient(world: World, call: Call, seat: Row, person: Person) -> None:
    if person.provider_id == seat["provider_id"]:
        raise refusal("invalid_recipient", call.path)
    if person.refuse_invite:
        raise refusal(person.refuse_invite, call.path)
    if state.is_related(world, seat["id"], person.provider_id):
        raise refusal("already_connected", call.path)
    last = state.invitation(world, seat["id"], person.provider_id)
    if last is None or last["status"] == "ACCEPTED":
        return
    cooldown = world.settings["withdrawn_cooldown_days"] * DAY
    if last["status"] == "PENDING" or world.clock.now() - (last["decided_sandbox"] or 0) < cooldown:
        raise refusal("already_invited_recently", call.path)


def _check_quota(world: World, call: Call, seat: Row, now: float) -> None:
    if state.invites_since(world, seat["id"], now - DAY) >= world.settings["daily_invites"]:
        raise refusal("cannot_resend_yet", call.path)
    if state.invites_since(world, seat["id"], now - 7 * DAY) >= world.settings["weekly_invites"]:
        raise refusal("limit_exceeded", call.path)


def _usage_mark(world: World, seat: Row, now: float) -> int | None:
    """The percentage of the weekly quota, only on the call that crosses a mark."""
    weekly = world.settings["weekly_invites"]
    used = state.invites_since(world, seat["id"], now - 7 * DAY)
    crossed = [mark for mark in _USAGE_MARKS if (used - 1) * 100 < mark * weekly <= used * 100]
    return max(crossed, default=None)


def _invitations(world: World, call: Call, direction: str) -> Answer:
    seat = access.live_seat(world, call)
    size, start = params.limit(call, 100, 10), params.offset(call)
    rows = world.store.all(
        "SELECT * FROM unipile_invitations WHERE account_id = ? AND direction = ? AND status = 'PENDING'"
        " ORDER BY seq DESC LIMIT ? OFFSET ?",
        seat["id"],
        direction,
        size + 1,
        start,
    )
    items = [shapes.invitation(world, row, world.people.meet(row["provider_id"])) for row in rows[:size]]
    more = params.encode_cursor([start + size]) if len(rows) > size else None
    return Answer(params.listing("InvitationList", items, more))


def sent(world: World, call: Call) -> Answer:
    """``GET /users/invite/sent``: pending only; accepted, declined and withdrawn ones vanish."""
    return _invitations(world, call, "SENT")


def received(world: World, call: Call) -> Answer:
    """``GET /users/invite/received``."""
    return _invitations(world, call, "RECEIVED")


def _pending(world: World, call: Call, seat: Row, direction: str) -> Row:
    row = world.store.one(
        "SELECT * FROM unipile_invitations WHERE id = ? AND account_id = ? AND direction = ? AND status = 'PENDING'",
        call.parameters["invitation_id"],
        seat["id"],
        direction,
    )
    if row is None:
        raise refusal("invalid_parameters", call.path, "There is no such invitation.")
    return row


def withdraw(world: World, call: Call) -> Answer:
    """``DELETE /users/invite/sent/{invitation_id}``: 400 on a bad id."""
    seat = access.live_seat(world, call)
    row = _pending(world, call, seat, "SENT")
    state.decide_invitation(world, row["id"], "WITHDRAWN", world.clock.now())
    call.wrote("invitation_withdrawn", invitation_id=row["id"], account_id=seat["id"])
    return Answer({"object": "InvitationCanceled"})


def answer(world: World, call: Call) -> Answer:
    """``POST /users/invite/received/{id}``: accept or decline."""
    seat = access.live_seat(world, call, params.body_text(call, "account_id"))
    row = _pending(world, call, seat, "RECEIVED")
    action, secret = params.body_text(call, "action"), params.body_text(call, "shared_secret")
    if action not in {"accept", "decline"} or secret != shapes.shared_secret(row["id"]):
        raise refusal("invalid_parameters", call.path)
    status = "ACCEPTED" if action == "accept" else "IGNORED"
    state.decide_invitation(world, row["id"], status, world.clock.now())
    if action == "accept":
        prospects.become_connected(world, seat, world.people.meet(row["provider_id"]), world.clock.now())
    call.wrote("invitation_answered", invitation_id=row["id"], action=action)
    return Answer(
        {"object": "UserInvitationHandled", "status": "ACCEPTED" if action == "accept" else "DECLINED"}
    )
