"""What the builder shows of a draft: its outline, its canvas, and one step with all that can be changed of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count
from django.template.defaultfilters import pluralize

from campaigns import plan_forms
from campaigns.models import Campaign, CampaignSender, DraftRevision, Enrollment, Transition
from campaigns.plans import layout
from campaigns.plans.content import FIELDS, REQUIRED
from campaigns.plans.errors import PlanError
from campaigns.plans.forecasting import earliest
from campaigns.plans.graph import AnyNode
from campaigns.plans.naming import EVENTS, OPERATORS, OUTCOMES, kind_of, name_of, summary_of
from campaigns.plans.outline import Row, outline
from campaigns.plans.schema import BranchNode, Content, Plan, SendNode, StopNode, WaitNode
from campaigns.plans.state import context_for
from campaigns.plans.validate import FITS
from campaigns.plans.wiring import main_exit
from campaigns.plans.wording import describe_duration
from campaigns.rendering import limit_for, sms_segments, text_length
from campaigns.scheduling import zone
from campaigns.services import checklist, draft_history, editing
from campaigns.services.settings import calendar_of
from project.core.clock import now

#: Live figures may be so old (seconds): they are asked for by every open builder.
FIGURES_KEPT: Final = 5
KINDS: Final = (
    ("email", "em", "E-mail"),
    ("invite", "li", "LinkedIn invitation"),
    ("message", "li", "LinkedIn message"),
    ("inmail", "li", "InMail"),
    ("profile_view", "li", "Profile visit"),
    ("sms", "sm", "Text message"),
    ("wait", "wait", "Wait"),
    ("branch", "branch", "Branch"),
    ("stop", "stop", "Stop"),
)
"""What can be added: kind, tile, name."""
_TILES: Final = {"linkedin": "li", "email": "em", "sms": "sm"}
FIELD_LABELS: Final = {"subject": "Subject", "body": "Body", "text": "Text", "note": "Note (may be empty)"}


@dataclass(frozen=True, slots=True)
class Figures:
    """Where the people of a campaign are and which ways they went, by node id of any version."""

    here: dict[str, int]
    went: dict[tuple[str, str], int]
    enrolled: int

    def passed(self, node_id: str) -> int:
        """How many have come to a node."""
        return sum(count for (_, to), count in self.went.items() if to == node_id)


def figures(campaign: Campaign) -> Figures:
    """The live figures of a campaign, at most some seconds old; none before it was launched."""
    if campaign.launched_at is None:
        return Figures({}, {}, 0)
    key = f"builder-figures:{campaign.id}"
    found: Figures | None = cache.get(key)
    if found is None:
        active = Enrollment.objects.filter(campaign=campaign).exclude(status=Enrollment.Status.ENDED)
        here = {row["node_id"]: row["count"] for row in active.values("node_id").annotate(count=Count("id"))}
        moves = Transition.objects.filter(enrollment__campaign=campaign).exclude(to_node="")
        rows = moves.values("from_node", "to_node").annotate(count=Count("id"))
        went = {(row["from_node"], row["to_node"]): row["count"] for row in rows}
        total = Enrollment.objects.filter(campaign=campaign).count()
        found = Figures(here, went, total)
        cache.set(key, found, FIGURES_KEPT)
    return found


@dataclass(slots=True)
class Draft:
    """A draft with what every part of the builder asks of it."""

    campaign: Campaign
    plan: Plan
    rows: list[Row]
    errors: list[PlanError]
    figures: Figures
    dates: dict[str, datetime]

    @property
    def numbers(self) -> dict[str, int]:
        """Number of each send."""
        return {row.node_id: row.number for row in self.rows if row.kind == "node" and row.number}

    def name(self, node_id: str) -> str:
        """A step with its number: "2 Invitation"."""
        node = self.plan.index.get(node_id)
        if node is None:
            return node_id
        number = self.numbers.get(node_id)
        return f"{number} {name_of(node)}" if number else name_of(node)


def draft_of(campaign: Campaign) -> Draft:
    """Read a draft once for all parts. Raises ``NotEdited`` for one that has not the shape of a plan."""
    plan = editing.plan_of_draft(campaign)
    try:
        # As the engine reckons: with the plan's quiet hours, in the plan's zone.
        context = context_for(plan, calendar_of(campaign), seed="")
        dates = earliest(plan, now(), context.calendar, context.tz)
    except ValueError:  # a window that never opens is said by the checklist
        dates = {}
    return Draft(campaign, plan, outline(plan), editing.errors_of(campaign, plan), figures(campaign), dates)


def campaign_zone(campaign: Campaign) -> Any:
    """The campaign's time zone. Raises ``UnknownZone``."""
    return zone(campaign.time_zone)


def tile_of(node: AnyNode) -> str:
    """The tile of a node: its channel's, else its type's."""
    return _TILES[node.channel] if isinstance(node, SendNode) else node.type


def outline_rows(draft: Draft, selected: str) -> list[dict[str, Any]]:
    """The rows of the outline with figures, dates and the number of errors."""
    wrong = Counter(error.node for error in draft.errors)
    made = []
    for row in draft.rows:
        node = draft.plan.index[row.node_id]
        shown: dict[str, Any] = {"row": row, "kind": row.kind, "depth": min(row.depth, 5), "text": row.text}
        if row.kind == "node":
            shown |= {
                "tile": tile_of(node),
                "name": draft.name(row.node_id),
                "wrong": wrong[row.node_id],
                "here": draft.figures.here.get(row.node_id, 0),
                "date": draft.dates.get(row.node_id) if isinstance(node, SendNode) else None,
                "selected": row.node_id == selected,
                "is_stop": isinstance(node, StopNode),
            }
        else:
            shown |= {
                "to": draft.name(row.to),
                "exit": row.exits[0],
                "count": draft.figures.went.get((row.node_id, row.to), 0),
                "from": draft.name(row.node_id),
            }
        made.append(shown)
    return made


def canvas(draft: Draft, selected: str) -> dict[str, Any]:
    """The canvas: boxes and lines with their places, words and figures."""
    drawing = layout.draw(draft.plan)
    wrong = Counter(error.node for error in draft.errors)
    boxes = []
    for box in drawing.boxes:
        node = draft.plan.index[box.id]
        passed = draft.figures.passed(box.id)
        boxes.append(
            {
                "box": box,
                "tile": tile_of(node),
                "name": draft.name(box.id),
                "summary": summary_of(node),
                "note": _note(draft, node),
                "wrong": wrong[box.id],
                "passed": passed,
                "here": draft.figures.here.get(box.id, 0),
                "selected": box.id == selected,
                "type": node.type,
                "exit": main_exit(node),
            }
        )
    lines = [
        {
            "line": line,
            "count": draft.figures.went.get((line.source, line.target), 0),
            "from": draft.name(line.source),
            "to": draft.name(line.target),
            "exit": line.exits[0],
            "selected": selected in (line.source, line.target),
        }
        for line in drawing.lines
    ]
    start = next((box for box in drawing.boxes if box.id == draft.plan.start_node_id), None)
    return {"drawing": drawing, "boxes": boxes, "lines": lines, "start": start}


def _note(draft: Draft, node: AnyNode) -> str:
    if isinstance(node, SendNode) and node.variants:
        shares = " : ".join(f"{variant.id} {variant.weight}" for variant in node.variants)
        return f"{len(node.variants)} variants, {shares}"
    if isinstance(node, BranchNode):
        return f"{len(node.rules)} rule{pluralize(len(node.rules))}"
    if isinstance(node, SendNode) and (moment := draft.dates.get(node.id)):
        return f"earliest {moment.astimezone(campaign_zone(draft.campaign)):%a %-d %b, %H:%M}"
    return ""


# --- One step ---------------------------------------------------------------------------------------


def inspector(draft: Draft, node_id: str, tab: str = "", variant: str = "") -> dict[str, Any]:
    """Everything about one step; empty if there is none of that id."""
    node = draft.plan.index.get(node_id)
    if node is None:
        return {}
    tabs = _tabs(node)
    return {
        "node": node,
        "kind": kind_of(node),
        "tile": tile_of(node),
        "name": draft.name(node_id),
        "tabs": tabs,
        "tab": tab if tab in dict(tabs) else tabs[0][0],
        "errors": [error for error in draft.errors if error.node == node_id],
        "targets": [(one.id, draft.name(one.id)) for one in draft.plan.nodes],
        "date": draft.dates.get(node_id),
        "here": draft.figures.here.get(node_id, 0),
        "passed": draft.figures.passed(node_id),
        **_of_type(draft, node, variant),
    }


def _tabs(node: AnyNode) -> list[tuple[str, str]]:
    if isinstance(node, SendNode):
        write = [("write", "Write")] if FIELDS[node.action] else []
        variants = [("variants", "Variants")] if FIELDS[node.action] else []
        return [*write, ("timing", "What next"), ("senders", "Senders"), *variants]
    if isinstance(node, WaitNode):
        return [("timing", "Timing")]
    return [("rules", "Rules")] if isinstance(node, BranchNode) else [("outcome", "Outcome")]


def _of_type(draft: Draft, node: AnyNode, variant: str) -> dict[str, Any]:
    if isinstance(node, SendNode):
        return {**_written(draft, node, variant), **_ways(draft, node), **_senders(draft, node)}
    if isinstance(node, WaitNode):
        amount, unit = plan_forms.split_duration(node.duration, working_days=node.working_days)
        return {"amount": amount, "unit": unit, **_units(), **_ways(draft, node)}
    if isinstance(node, BranchNode):
        return _rules(draft, node)
    return {"outcomes": OUTCOMES.items()}


def _units() -> dict[str, Any]:
    return {"units": plan_forms.UNITS.items(), "as_written": plan_forms.AS_WRITTEN}


def _written(draft: Draft, node: SendNode, variant: str) -> dict[str, Any]:
    """The texts of one wording with their lengths."""
    chosen = next((one for one in node.variants if one.id == variant), None) or next(
        iter(node.variants), None
    )
    content = (chosen.content if chosen else node.content) or Content()
    return {
        "variant": chosen.id if chosen else "",
        "variants": _shares(node),
        "fields": [text_field(node, name, getattr(content, name), draft) for name in FIELDS[node.action]],
        "remarks": checklist.remarks_of(node),
        "threads": [
            (one.id, draft.name(one.id))
            for one in draft.plan.nodes
            if isinstance(one, SendNode) and one.action == "email" and one.id != node.id
        ]
        if node.action == "email"
        else [],
    }


def text_field(node: SendNode, name: str, text: str, draft: Draft) -> dict[str, Any]:
    """One text of a step: its words, its length against the limit, and what is wrong with it."""
    segments = sms_segments(text) if node.action == "sms" and text else None
    limit = (
        checklist.options_of(draft.campaign).invite_note if name == "note" else limit_for(node.action, name)
    )
    return {
        "name": name,
        "label": FIELD_LABELS[name],
        "text": text,
        "rows": {"body": 9, "note": 4, "text": 6}.get(name, 1),
        "length": text_length(text),
        "limit": limit,
        "words": len(text.split()),
        "segments": segments,
        "required": name in REQUIRED[node.action],
    }


def _shares(node: SendNode) -> list[dict[str, Any]]:
    total = sum(variant.weight for variant in node.variants)
    return [
        {
            "id": variant.id,
            "weight": variant.weight,
            "share": round(100 * variant.weight / total),
            "text": variant.content.subject
            or variant.content.body
            or variant.content.text
            or variant.content.note,
        }
        for variant in node.variants
    ]


def _ways(draft: Draft, node: SendNode | WaitNode) -> dict[str, Any]:
    """The ways on of a step, each with its fields and the earliest date at which it is taken."""
    place = node.action if isinstance(node, SendNode) else "wait"
    fitting = [(event, text) for event, text in EVENTS.items() if event not in FITS or place in FITS[event]]
    rows = []
    for way in node.transitions:
        after, after_unit = plan_forms.split_duration(way.after, working_days=way.working_days)
        within, within_unit = plan_forms.split_duration(way.within, working_days=way.working_days)
        rows.append(
            {
                "way": way,
                "after": after,
                "after_unit": after_unit,
                "within": within,
                "within_unit": within_unit,
                "is_synthetic": way.on.startswith("no_"),
                "count": draft.figures.went.get((node.id, way.to), 0),
                "date": draft.dates.get(way.to),
                "wait": describe_duration(way.after, working_days=way.working_days) if way.after else "",
            }
        )
    return {"ways": rows, "events": fitting, **_units()}


def _senders(draft: Draft, node: SendNode) -> dict[str, Any]:
    """Who may send a step: any sender of its channel, one of a pool, or one account."""
    links = CampaignSender.objects.filter(campaign=draft.campaign, sender__channel=node.channel)
    found = list(links.select_related("sender"))
    pools = sorted({name for link in found for name in link.pools})
    chosen = ""
    if node.sender:
        chosen = f"pool:{node.sender.pool}" if node.sender.pool else f"account:{node.sender.account}"
    choices = [
        ("", f"Any of the campaign's senders ({len(found)})"),
        *((f"pool:{name}", f"Pool {name}") for name in pools),
        *((f"account:{link.sender_id}", f"Only {link.sender}") for link in found),
    ]
    if chosen not in dict(choices):
        choices.append(
            (chosen, f"{node.sender.pool or node.sender.account}, as written" if node.sender else "")
        )
    return {
        "sender_choices": choices,
        "sender_chosen": chosen,
        "channel_senders": [link.sender for link in found],
    }


def _rules(draft: Draft, node: BranchNode) -> dict[str, Any]:
    """The rules of a branch as rows of fields; every condition has its place among all of them."""
    place = 0
    rules = []
    for number, rule in enumerate(node.rules):
        tests = []
        for test in rule.if_:
            fields = plan_forms.test_fields(test)
            fields["is_event"] = "1" if fields["what"].startswith("event:") else ""
            tests.append({**fields, "place": place, "only": len(rule.if_) == 1})
            place += 1
        rules.append({"number": number, "to": rule.to, "tests": tests, "only": len(node.rules) == 1})
    sends = [one for one in draft.plan.nodes if isinstance(one, SendNode)]
    whats = [
        *((f"field:{name}", text) for name, text in _branch_fields(draft.campaign, node)),
        *((f"event:{event}", f"{EVENTS[event]} (any step)") for event in plan_forms.BRANCH_EVENTS),
        *(
            (f"event:{event}@{one.id}", f"{EVENTS[event]}: {draft.name(one.id)}")
            for one in sends
            for event in plan_forms.BRANCH_EVENTS
            if event not in FITS or one.action in FITS[event]
        ),
    ]
    return {
        "rules": rules,
        "whats": whats,
        "operators": OPERATORS.items(),
        "happened": [("happened", "has happened"), ("not_happened", "has not happened")],
    }


def _branch_fields(campaign: Campaign, node: BranchNode) -> list[tuple[str, str]]:
    """Fields that a branch may ask for: the known ones, own columns of the leads, and those it asks for."""
    columns = checklist.audience_leads(campaign).order_by("-id").values_list("fields", flat=True)[:50]
    names = {name: f"{name} (own column)" for fields in columns for name in fields}
    known = {**plan_forms.BRANCH_FIELDS, **{f"custom.{name}": text for name, text in sorted(names.items())}}
    for rule in node.rules:
        for test in rule.if_:
            field = getattr(test, "field", "")
            if field:
                known.setdefault(field, field)
    return list(known.items())


# --- Around it --------------------------------------------------------------------------------------


def history(campaign: Campaign) -> list[DraftRevision]:
    """The newest steps of the draft's history."""
    rows = DraftRevision.objects.filter(campaign=campaign).defer("plan").select_related("actor")
    return list(rows.order_by("-number")[:30])


def bar(campaign: Campaign) -> dict[str, Any]:
    """What the bar of the builder says: what can be undone and redone, when it was saved, what is live."""
    undoable, redoable = draft_history.around(campaign)
    return {"undoable": undoable, "redoable": redoable, "live_version": campaign.current_version}
