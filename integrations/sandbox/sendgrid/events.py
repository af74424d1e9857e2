"""Events on their way out: gathered, then sent as signed batches, with duplicates and disorder on demand.

A fault on ``events`` hits whole batches; a fault on an event's name (``open``, ``bounce``) hits that event:
``duplicate`` repeats it inside the batch, ``reorder`` turns the batch round, ``lose`` leaves it out.
"""

from __future__ import annotations

import json
from typing import Any

from integrations.sandbox.deliveries import Outgoing
from integrations.sandbox.faults import Fault
from integrations.sandbox.sendgrid import signing, state
from integrations.sandbox.store import Row
from integrations.sandbox.world import ShapeVariant, World

#: Most events of one call; the vendor's limit is 768 KB.
BATCH = 100
_SETTING_OF = {"spamreport": "spam_report"}
_FLUSH = "sendgrid.flush"

VARIANTS: dict[str, ShapeVariant] = {
    "sendgrid_no_status": lambda event: {name: item for name, item in event.items() if name != "status"},
    "sendgrid_lone_category": lambda event: (
        event | {"category": event["category"][0]} if event.get("category") else event
    ),
    "sendgrid_text_times": lambda event: event | {"timestamp": str(event["timestamp"])},
    "sendgrid_unknown_fields": lambda event: (
        event | {"cert_err": 1, "post_type": "x", "nested": {"a": [None]}}
    ),
}


def tell(world: World, row: Row, name: str, **fields: Any) -> dict[str, Any]:
    """Queue an event about a message; ``None`` fields leave out what it would have."""
    event: dict[str, Any] = {
        "email": row["recipient"],
        "timestamp": state.unix_now(),
        "event": name,
        "sg_event_id": state.token(),
        "sg_message_id": f"{row['vendor_id']}.recvd-5f54b-1-{row['id']}.0",
    }
    if name in {"processed", "dropped", "delivered", "deferred", "bounce"}:
        event["smtp-id"] = row["rfc_id"]
    categories = json.loads(row["categories"])
    if categories:
        event["category"] = categories
    # The vendor's own names win over the sender's.
    event = json.loads(row["args"]) | event | fields
    event = {key: value for key, value in event.items() if value is not None}
    state.note(world, row, status={"bounce": "not_delivered", "dropped": "not_delivered"}.get(name, name))
    world.store.insert("sendgrid_waiting", name=name, body=json.dumps(event))
    delay = float(world.settings["event_batch_seconds"])
    if not world.agenda.pending(_FLUSH):
        world.agenda.add(_FLUSH, due=world.clock.now() + delay, subject=_FLUSH, payload={})
    return event


def flush(world: World, payload: dict[str, Any], due: float) -> None:
    """Send what was gathered to every event webhook that wants it."""
    rows = world.store.all("SELECT * FROM sendgrid_waiting ORDER BY id")
    world.store.run("DELETE FROM sendgrid_waiting")
    hooks = world.store.all("SELECT * FROM sendgrid_event_webhooks ORDER BY rowid")
    for start in range(0, len(rows), BATCH):
        batch, faults = _bent(world, rows[start : start + BATCH])
        faults += world.faults.for_webhook("sendgrid", "events")
        for hook in hooks:
            _send(world, hook, batch, faults)


def _bent(world: World, rows: list[Row]) -> tuple[list[dict[str, Any]], list[Fault]]:
    """The events of a batch as the faults leave them, and the faults that are for the whole batch."""
    batch: list[dict[str, Any]] = []
    whole: list[Fault] = []
    turned = False
    for row in rows:
        event = json.loads(row["body"])
        copies = 1
        for fault in world.faults.for_webhook("sendgrid", row["name"]):
            if fault.kind == "shape":
                event = VARIANTS[fault.variant](event) if fault.variant in VARIANTS else event
            elif fault.kind == "duplicate":
                copies += fault.copies
            elif fault.kind == "lose":
                copies = 0
            elif fault.kind == "reorder":
                turned = True
            else:
                whole.append(fault)
        batch += [event] * copies
    return (batch[::-1] if turned else batch), whole


def _send(world: World, hook: Row, batch: list[dict[str, Any]], faults: list[Fault]) -> None:
    wanted = json.loads(hook["body"])
    events = [event for event in batch if wanted.get(_SETTING_OF.get(event["event"], event["event"]))]
    if not events or not wanted.get("enabled"):
        return
    # SendGrid's bodies end in CRLF, which is signed too.
    body = json.dumps(events).encode() + b"\r\n"
    headers = {"Content-Type": "application/json", **signing.signed(hook["key"], body)}
    world.deliveries.enqueue(
        Outgoing("sendgrid", hook["id"], "events", wanted["url"], headers, body, rules="any_2xx"),
        [fault for fault in faults if fault.kind != "shape"],
    )
