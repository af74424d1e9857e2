"""What the page of a simulation shows: its stored result, put into tables."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from campaigns.models import Campaign, Simulation

_ACTIONS = {
    "invite": "Invitations",
    "message": "Messages",
    "inmail": "InMails",
    "profile_view": "Profile visits",
    "email": "E-mails",
    "sms": "Texts",
}
_CODES = {
    "unfilled": "a variable without a value",
    "template": "a text that cannot be read",
    "length": "a text that is too long",
    "empty": "an empty text",
    "suppressed": "on the suppression list",
    "no_address": "no address",
    "no_sender": "no sender for the channel",
}
_CHANNELS = {"linkedin": "LinkedIn", "email": "e-mail", "sms": "text"}


def latest_simulation(campaign: Campaign) -> Simulation | None:
    """The newest simulation of a campaign, if there is one."""
    found: Simulation | None = (
        Simulation.objects.filter(campaign=campaign)
        .select_related("requested_by")
        .order_by("-created_at", "-id")
        .first()
    )
    return found


def simulation_shown(simulation: Simulation) -> dict[str, Any]:
    """The tables of a finished simulation; days are dates."""
    result = simulation.result
    names = {sender["key"]: sender for sender in result["senders"]}
    days = _days(result)
    return {
        "finish": {name: _day(value) for name, value in result["finish"].items() if name.startswith("p")},
        "runs": result["finish"]["runs"],
        "unfinished": result["finish"]["unfinished"],
        "people": result["people"],
        "sent": sum(row["count"] for row in result["touches"]),
        "what_if": (result["what_if"] or {}).get("sentence", ""),
        "days": days,
        "busiest": max((row["total"] for row in days), default=0),
        "senders": _senders(result, names),
        "ended": sorted(result["ended"].items(), key=lambda pair: -pair[1]),
        "binding": _binding(result, names),
        "conflicts": result["conflicts"],
        "list_notes": _list_notes(result["audience"]),
        "refused": [{**row, "what": _CODES.get(row["code"], row["code"])} for row in result["refused"]],
        "renders": [{**row, "what": _CODES.get(row["code"], "")} for row in result["renders"]],
    }


def _day(value: str | int | None) -> date | None:
    return datetime.fromisoformat(value).date() if isinstance(value, str) else None


def _days(result: dict[str, Any]) -> list[dict[str, Any]]:
    parts: dict[str, Counter[str]] = {}
    for row in result["touches"]:
        parts.setdefault(row["day"], Counter())[row["action"]] += row["count"]
    first = {row["day"]: row["count"] for row in result["first_touches"]}
    return [
        {
            "day": _day(day),
            "total": sum(counts.values()),
            "first": first.get(day, 0),
            "parts": [(_ACTIONS.get(action, action), count) for action, count in sorted(counts.items())],
        }
        for day, counts in sorted(parts.items())
    ]


def _senders(result: dict[str, Any], names: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    totals: dict[str, Counter[str]] = {key: Counter() for key in names}
    for row in result["touches"]:
        totals.setdefault(row["sender"], Counter())[row["action"]] += row["count"]
    return [
        {
            "name": names.get(key, {}).get("name", key),
            "channel": names.get(key, {}).get("channel", ""),
            "total": sum(counts.values()),
            "parts": [(_ACTIONS.get(action, action), count) for action, count in sorted(counts.items())],
        }
        for key, counts in totals.items()
    ]


def _binding(result: dict[str, Any], names: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Limits that held something back: on how many days, and how many actions waited on the worst of them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in result["binding"]:
        entry = found.setdefault(
            (row["sender"], row["limit"]),
            {
                "name": row["name"],
                "sender": names.get(row["sender"], {}).get("name", ""),
                "days": set(),
                "most": 0,
                "worst": "",
            },
        )
        entry["days"].add(row["day"])
        if row["waiting"] > entry["most"]:
            entry.update(most=row["waiting"], worst=_day(row["day"]), name=row["name"])
    shown = [{**entry, "days": len(entry["days"])} for entry in found.values()]
    return sorted(shown, key=lambda entry: (-entry["days"], -entry["most"]))


def _list_notes(audience: dict[str, Any]) -> list[str]:
    """Plain sentences about who on the list cannot be reached."""
    notes = []
    for channel, count in sorted(audience["suppressed"].items()):
        notes.append(f"{count:,} on the suppression list for {_CHANNELS.get(channel, channel)}.")
    for channel, count in sorted(audience["no_address"].items()):
        notes.append(f"{count:,} without an address for {_CHANNELS.get(channel, channel)}.")
    for channel, count in sorted(audience["invalid"].items()):
        notes.append(f"{count:,} whose {_CHANNELS.get(channel, channel)} address is known to bounce.")
    return notes
