"""The page at ``/_sandbox/``: plays the prospects by hand. Plain HTML forms, no build, works without scripts."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote

from integrations.sandbox.people import Person
from integrations.sandbox.world import World

_SHOWN = 60

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--blue:#3564d4}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:0}
p{margin:.25rem 0}small,.soft{opacity:.75}
section.card{border:1px solid var(--line);border-radius:8px;padding:.75rem 1rem;margin:.5rem 0}
form{display:inline-flex;gap:.4rem;margin:.25rem .4rem .25rem 0;flex-wrap:wrap;max-width:100%}
button,input,select{font:inherit;padding:.25rem .6rem;border:1px solid var(--line);border-radius:6px;
background:var(--soft);color:inherit;min-height:2rem}
input[name=text]{width:min(24rem,60vw)}button{cursor:pointer}
button:focus-visible,input:focus-visible,select:focus-visible{outline:2px solid var(--blue);outline-offset:1px}
.chat{border-left:3px solid var(--line);padding-left:.75rem;margin:.5rem 0;overflow-wrap:anywhere}
.tag{border:1px solid var(--line);border-radius:99px;padding:0 .5rem;font-size:.85em;white-space:nowrap}
.row{display:flex;gap:.5rem;align-items:baseline;flex-wrap:wrap}
"""

# Refreshes the lists every three seconds unless somebody is typing; without scripts the reload button does.
_SCRIPT = """
setInterval(async () => {
  const active = document.activeElement;
  if (document.hidden || (active && ["INPUT", "SELECT"].includes(active.tagName))) return;
  const typed = [...document.querySelectorAll("#live input[name=text]")].some((field) => field.value);
  if (typed) return;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("live").replaceWith(fresh.getElementById("live"));
  } catch { /* the sandbox is down; the next round tries again */ }
}, 3000);
"""


def playground(world: World, person_state: Callable[[World, Person], dict[str, Any]]) -> str:
    """The whole page: clock, seats, and the people somebody has dealt with."""
    active = [member for provider in world.providers for member in provider.active_people(world, _SHOWN)]
    people = [person_state(world, world.people.meet(member)) for member in dict.fromkeys(active)]
    cards = "".join(_person(world, item) for item in people)
    none = "<p>Nobody has been invited or written to yet. Start a campaign, and they appear here.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Provider sandbox</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        "<header><h1>Provider sandbox</h1><p class=soft>The outside world for this installation: nothing here"
        " reaches a real person. Play the prospects, or leave them on autopilot.</p></header>"
        f'<main id="live">{_clock(world)}<h2>Seats</h2>{_seats(world)}'
        f"<h2>People</h2>{cards or none}</main><script>{_SCRIPT}</script></body></html>"
    )


def _button(action: str, label: str, inner: str = "", **values: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in values.items()
    )
    return f'<form method="post" action="{escape(action)}">{hidden}{inner}<button>{escape(label)}</button></form>'


def _clock(world: World) -> str:
    clock = world.clock.describe()
    on = bool(world.settings["autopilot"])
    field = f'<input name="speed" inputmode="decimal" size="5" value="{clock["speed"]:g}" required>'
    return (
        f"<section class=card><p>Sandbox time {clock['sandbox']}, {clock['speed']:g} times as fast as real time."
        f" {world.agenda.count()} things are going to happen by themselves.</p>"
        + _button("clock", "Set", f"<label>Speed {field}</label>")
        + _button("clock/jump", "Jump one hour", hours="1")
        + _button("clock/jump", "Jump one day", days="1")
        + _button(
            "autopilot", "Turn autopilot off" if on else "Turn autopilot on", on="false" if on else "true"
        )
        + '<form method="get"><button>Reload</button></form></section>'
    )


def _seats(world: World) -> str:
    rows = []
    for provider in world.providers:
        for seat in provider.summary(world).get("accounts", []):
            path = f"accounts/{quote(seat['id'])}/status"
            healthy = seat["status"] == "OK"
            change = _button(
                path, "Disconnect" if healthy else "Reconnect", status="CREDENTIALS" if healthy else "OK"
            )
            rows.append(
                f"<section class=card><div class=row><h3>{escape(seat['name'])}</h3>"
                f"<span class=tag>{escape(seat['status'])}</span><small>{escape(seat['id'])} ·"
                f" {seat['pending_invitations']} pending · {seat['relations']} connections</small></div>"
                f"{change}</section>"
            )
        rows += [_card(card) for card in provider.summary(world).get("cards", [])]
    return "".join(rows) or "<p>No seat is connected.</p>"


def _card(card: dict[str, Any]) -> str:
    """A provider's own account: ``title``, ``tag``, ``note``, and ``buttons`` of ``{path, label, values}``."""
    buttons = "".join(_button(item["path"], item["label"], **item["values"]) for item in card["buttons"])
    return (
        f"<section class=card><div class=row><h3>{escape(card['title'])}</h3>"
        f"<span class=tag>{escape(card['tag'])}</span><small>{escape(card['note'])}</small></div>{buttons}</section>"
    )


def _person(world: World, item: dict[str, Any]) -> str:
    behaviour = item["behaviour"]
    mood = "does nothing by themselves" if behaviour["ignores"] else behaviour["archetype"]
    names = [provider.name for provider in world.providers]
    standings = "".join(_standing(item, standing) for name in names for standing in item[name])
    return (
        f'<section class=card id="{escape(item["slug"])}"><div class=row><h3>{escape(item["name"])}</h3>'
        f"<small>{escape(item['headline'])} · {escape(item['slug'])}</small><span class=tag>{escape(mood)}</span></div>"
        f"{standings}</section>"
    )


def _standing(item: dict[str, Any], standing: dict[str, Any]) -> str:
    base = f"people/{quote(item['slug'], safe='')}"
    if "actions" in standing:
        return _plain_standing(base, item, standing)
    who = {"account_id": standing["account_id"]}
    pending = standing["invitation"] == "PENDING"
    state = "connected" if standing["connected"] else "invited" if pending else "not connected"
    lines = "".join(
        f"<p><b>{escape(item['first_name'] if m['from'] == 'person' else standing['account_name'])}</b>"
        f" {escape(m['text'] or '(deleted)')}{' <small>read</small>' if m['seen'] else ''}</p>"
        for m in standing["messages"][-8:]
    )
    note = standing["invitation_note"] if pending else None
    lines = lines or (f"<p><small>Note</small> {escape(note)}</p>" if note else "")
    will = "".join(
        f" <span class=tag>{escape(entry['kind'].split('.')[-1])} in {max(0, entry['in_sandbox_minutes']):g} min</span>"
        for entry in standing["will"]
    )
    buttons = ""
    if pending:
        buttons += _button(f"{base}/accept", "Accept", **who) + _button(f"{base}/decline", "Decline", **who)
    if standing["connected"] or standing["chat_id"]:
        label = escape(f"Reply as {item['name']}")
        field = f'<input name="text" aria-label="{label}" placeholder="Empty: something in character">'
        buttons += _button(f"{base}/reply", "Reply", field, **who)
        buttons += _button(f"{base}/out_of_office", "Out of office", **who)
    if any(message["from"] == "seat" for message in standing["messages"]):
        buttons += _button(f"{base}/read", "Read", **who) + _button(f"{base}/react", "👍 React", **who)
    buttons += _button(f"{base}/ignore", "Ignore")
    return f"<div class=chat><p class=soft>{escape(standing['account_name'])}: {state}{will}</p>{lines}{buttons}</div>"


def _plain_standing(base: str, item: dict[str, Any], standing: dict[str, Any]) -> str:
    """How somebody stands to an address or number: ``account_name``, ``state``, ``messages`` and ``actions``
    of ``{name, label, text}``; with ``text`` the action takes a text.
    """
    lines = "".join(
        f"<p><b>{escape(item['first_name'] if m['from'] == 'person' else standing['account_name'])}</b>"
        f" {escape(m['text'])}{' <small>read</small>' if m['seen'] else ''}</p>"
        for m in standing["messages"][-8:]
    )
    field = (
        f'<input name="text" aria-label="{escape("Text as " + item["name"])}"'
        ' placeholder="Empty: something in character">'
    )
    buttons = "".join(
        _button(f"{base}/{action['name']}", action["label"], field if action.get("text") else "")
        for action in standing["actions"]
    )
    state = escape(f"{standing['account_name']}: {standing['state']}")
    return f"<div class=chat><p class=soft>{state}</p>{lines}{buttons}</div>"
