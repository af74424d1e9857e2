"""Senders, domains, IP pools, suppressions, validation, activity and the key's rights."""

from __future__ import annotations

import json
import re
from typing import Any

from integrations.sandbox.clock import MINUTE
from integrations.sandbox.gateway import Answer, Call
from integrations.sandbox.sendgrid import state
from integrations.sandbox.sendgrid.answers import body_of, empty, number, refusal, text_of
from integrations.sandbox.store import Row
from integrations.sandbox.world import World

_SCOPES = (
    "mail.send", "mail.batch.create", "user.webhooks.event.settings.read", "user.webhooks.event.settings.update",
    "user.webhooks.parse.settings.read", "user.webhooks.parse.settings.create", "suppression.read",
    "asm.suppressions.global.create", "whitelabel.read", "ips.read", "messages.read", "validations.email.create",
)  # fmt: skip
#: Sandbox minutes until the owner of an address follows the link, on autopilot.
_VERIFY_AFTER = 2 * MINUTE
_ROLES = frozenset({"info", "sales", "support", "admin", "office", "contact", "hello", "billing"})
_DISPOSABLE = frozenset({"mailinator.com", "guerrillamail.com", "yopmail.com"})
_TYPOS = {"gmial.com": "gmail.com", "gmal.com": "gmail.com", "hotmial.com": "hotmail.com"}
_SYNTAX = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+\Z")
_ARG_QUERY = re.compile(r"(?:unique_args|custom_args)\['([^']+)'\]\s*=\s*\"([^\"]+)\"")
_TO_QUERY = re.compile(r"to_email\s*=\s*\"([^\"]+)\"")


def scopes(world: World, call: Call) -> Answer:
    """``GET /scopes``."""
    return Answer({"scopes": list(_SCOPES)})


# ---- senders


def describe(row: Row) -> dict[str, Any]:
    """A verified sender as the API shows it."""
    body: dict[str, Any] = json.loads(row["body"])
    return body | {
        "id": row["id"],
        "from_email": row["from_email"],
        "verified": bool(row["verified"]),
        "locked": bool(row["locked"]),
    }


def list_senders(world: World, call: Call) -> Answer:
    """``GET /verified_senders``."""
    limit, after = number(call, "limit", 50, 100), number(call, "lastSeenID", 0, 2**31)
    wanted = number(call, "id", 0, 2**31)
    rows = world.store.all(
        "SELECT * FROM sendgrid_identities WHERE id > ?1 AND (?2 = 0 OR id = ?2) ORDER BY id LIMIT ?3",
        after,
        wanted,
        limit,
    )
    return Answer({"results": [describe(row) for row in rows]})


def create_sender(world: World, call: Call) -> Answer:
    """``POST /verified_senders``: mails a link; on autopilot the owner follows it soon."""
    body = body_of(call)
    email = text_of(body, "from_email").lower()
    for name in ("nickname", "reply_to"):
        text_of(body, name)
    if not _SYNTAX.match(email):
        raise refusal(400, "invalid email", "from_email")
    if world.store.value("SELECT 1 FROM sendgrid_identities WHERE from_email = ?", email):
        raise refusal(400, "already exists", "from_email")
    identifier = world.store.insert(
        "sendgrid_identities", from_email=email, body=json.dumps(body), token=state.token()
    )
    call.wrote("verified_sender", id=identifier, from_email=email)
    if world.settings["autopilot"] and not email.startswith("nobody-"):
        world.agenda.add(
            "sendgrid.verify",
            due=world.clock.now() + _VERIFY_AFTER,
            subject=f"sendgrid-identity|{identifier}",
            payload={"id": identifier},
        )
    return Answer(describe(_sender(world, identifier)), 201)


def _sender(world: World, identifier: Any) -> Row:
    row = world.store.one("SELECT * FROM sendgrid_identities WHERE id = ?", identifier)
    if row is None:
        raise refusal(404, "verified sender not found")
    return row


def resend(world: World, call: Call) -> Answer:
    """``POST /verified_senders/resend/{id}``."""
    row = _sender(world, call.parameters["sender_id"])
    if row["verified"]:
        raise refusal(400, "already verified")
    world.store.run("UPDATE sendgrid_identities SET mails_sent = mails_sent + 1 WHERE id = ?", row["id"])
    call.wrote("verification_mail", id=row["id"])
    return empty()


def delete_sender(world: World, call: Call) -> Answer:
    """``DELETE /verified_senders/{id}``."""
    world.store.run(
        "DELETE FROM sendgrid_identities WHERE id = ?", _sender(world, call.parameters["sender_id"])["id"]
    )
    return empty()


def domains(world: World, call: Call) -> Answer:
    """``GET /whitelabel/domains``."""
    rows = world.store.all("SELECT * FROM sendgrid_domains ORDER BY id")
    return Answer([{"id": row["id"], "domain": row["domain"], "valid": bool(row["valid"])} for row in rows])


def create_domain(world: World, call: Call) -> Answer:
    """``POST /whitelabel/domains``."""
    domain = text_of(body_of(call), "domain").lower()
    identifier = world.store.insert("sendgrid_domains", domain=domain)
    return Answer({"id": identifier, "domain": domain, "valid": False, "dns": {}}, 201)


def validate_domain(world: World, call: Call) -> Answer:
    """``POST /whitelabel/domains/{id}/validate``: in this world DNS is always right."""
    identifier = int(call.parameters["domain_id"])
    if not world.store.run("UPDATE sendgrid_domains SET valid = 1 WHERE id = ?", identifier):
        raise refusal(404, "domain not found")
    return Answer({"id": identifier, "valid": True, "validation_results": {}})


def pools(world: World, call: Call) -> Answer:
    """``GET /ips/pools``."""
    return Answer(
        [{"name": row["name"]} for row in world.store.all("SELECT * FROM sendgrid_pools ORDER BY name")]
    )


def create_pool(world: World, call: Call) -> Answer:
    """``POST /ips/pools``."""
    name = text_of(body_of(call), "name")
    world.store.run("INSERT OR IGNORE INTO sendgrid_pools (name) VALUES (?)", name)
    return Answer({"name": name}, 201)


# ---- suppressions


def list_suppressions(world: World, call: Call) -> Answer:
    """``GET /suppression/{list}``."""
    kind = call.parameters["list"]
    if kind not in {"bounces", "blocks", "spam_reports", "invalid_emails", "unsubscribes"}:
        raise refusal(404, "not found")
    rows = world.store.all(
        "SELECT * FROM sendgrid_suppressions WHERE kind = ? AND created >= ? ORDER BY created DESC, id DESC"
        " LIMIT ? OFFSET ?",
        kind,
        number(call, "start_time", 0, 2**40),
        number(call, "limit", 500, 500),
        number(call, "offset", 0, 2**31),
    )
    more = (
        ("reason", "status")
        if kind in {"bounces", "blocks"}
        else ("reason",)
        if kind == "invalid_emails"
        else ()
    )
    return Answer(
        [
            {"created": row["created"], "email": row["email"]} | {name: row[name] for name in more}
            for row in rows
        ]
    )


def delete_suppression(world: World, call: Call) -> Answer:
    """``DELETE /suppression/{list}/{email}``."""
    world.store.run(
        "DELETE FROM sendgrid_suppressions WHERE kind = ? AND email = ?",
        call.parameters["list"],
        call.parameters["email"].lower(),
    )
    return empty()


def add_global(world: World, call: Call) -> Answer:
    """``POST /asm/suppressions/global``."""
    emails = body_of(call).get("recipient_emails")
    if not isinstance(emails, list) or not emails:
        raise refusal(400, "recipient_emails is required", "recipient_emails")
    for email in emails:
        state.suppress(world, "unsubscribes", str(email))
    call.wrote("suppression", emails=emails)
    return Answer({"recipient_emails": emails}, 201)


def get_global(world: World, call: Call) -> Answer:
    """``GET /asm/suppressions/global/{email}``: an empty object for somebody who is not listed."""
    email = call.parameters["email"].lower()
    listed = world.store.value(
        "SELECT 1 FROM sendgrid_suppressions WHERE kind = 'unsubscribes' AND email = ?", email
    )
    return Answer({"recipient_email": email} if listed else {})


def delete_global(world: World, call: Call) -> Answer:
    """``DELETE /asm/suppressions/global/{email}``."""
    email = call.parameters["email"].lower()
    world.store.run("DELETE FROM sendgrid_suppressions WHERE kind = 'unsubscribes' AND email = ?", email)
    call.wrote("suppression_removed", email=email)
    return empty()


# ---- validation and activity


def validate(world: World, call: Call) -> Answer:
    """``POST /validations/email``."""
    body = body_of(call)
    email = text_of(body, "email").lower()
    local, _, host = email.partition("@")
    syntax = bool(_SYNTAX.match(email))
    known = syntax and world.people.meet(email).exists and host not in _TYPOS
    role, disposable = local in _ROLES, host in _DISPOSABLE
    verdict = "Invalid" if not known else "Risky" if role or disposable else "Valid"
    result = {
        "email": email,
        "verdict": verdict,
        "score": {"Invalid": 0.01, "Risky": 0.5, "Valid": 0.97}[verdict],
        "local": local,
        "host": host,
        "checks": {
            "domain": {
                "has_valid_address_syntax": syntax,
                "has_mx_or_a_record": syntax and host not in _TYPOS,
                "is_suspected_disposable_address": disposable,
            },
            "local_part": {"is_suspected_role_address": role},
            "additional": {"has_known_bounces": syntax and not known, "has_suspected_bounces": False},
        },
        "source": body.get("source") or "",
        "ip_address": "203.0.113.9",
    }
    if host in _TYPOS:
        result["suggestion"] = _TYPOS[host]
    return Answer({"result": result})


def activity(world: World, call: Call) -> Answer:
    """``GET /messages``: by a custom argument or by recipient."""
    query = (call.query.get("query") or [""])[0]
    by_arg, by_recipient = _ARG_QUERY.search(query), _TO_QUERY.search(query)
    if query and not by_arg and not by_recipient:
        raise refusal(400, "invalid query", "query")
    rows = world.store.all(
        "SELECT * FROM sendgrid_messages WHERE ?1 = '' OR recipient = ?1 ORDER BY id DESC LIMIT 1000",
        by_recipient.group(1).lower() if by_recipient else "",
    )
    if by_arg:
        name, value = by_arg.groups()
        rows = [row for row in rows if json.loads(row["args"]).get(name) == value]
    limit = number(call, "limit", 10, 1000)
    return Answer(
        {
            "messages": [
                {
                    "from_email": row["from_email"],
                    "msg_id": f"{row['vendor_id']}.recvd-5f54b-1-{row['id']}.0",
                    "subject": row["subject"],
                    "to_email": row["recipient"],
                    "status": row["status"],
                    "opens_count": row["opens"],
                    "clicks_count": row["clicks"],
                    "last_event_time": row["last_event_at"],
                }
                for row in rows[:limit]
            ]
        }
    )
