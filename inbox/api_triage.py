"""Operations of the JSON API for triage: acts on many, undo, labels, saved views, promises, rules, queues, the desk."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.db.models import Q
from django.http import Http404, StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from campaigns.scheduling import parse_time
from inbox import api_rows as rows
from inbox import api_schemas, exports, selectors_board, selectors_lists, selectors_macros
from inbox import api_triage_schemas as schemas
from inbox.filters import Filters
from inbox.models import AssignmentRule, Conversation, InboxPolicy, JournalEntry, Label, SavedView
from inbox.services import acts, desk, exporting, labels, macros, policies, rules, saved_views
from project.core.api_pages import PageIn, PageOut, page_of
from project.core.refusals import Invalid
from project.tenancy.access import Access, Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule
from project.tenancy.models import Client

router = Router()
TAGS = ["Triage"]


def _client(access: Access, client_id: UUID | None) -> Client | None:
    if client_id is None:
        access.require_whole_organization()
        return None
    found: Client = get_or_404(access.clients(), client_id)
    return found


def _within(access: Access) -> Q:
    return Q() if access.client_ids is None else Q(client=None) | access.client_filter()


# --- acts -------------------------------------------------------------------------------------------


@router.post("/conversation-acts", response={202: schemas.ActOut}, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def perform_act(request: ApiRequest, payload: schemas.ActIn) -> Any:
    """Do an act on conversations. A few are done at once; many by a worker: ask for the act until it is done."""
    access = request.access
    if payload.query:
        filters = Filters.strictly(dict(parse_qsl(payload.query)), access)
        chosen = selectors_lists.chosen(access, filters).order_by(*filters.order)
        ids = list(chosen.values_list("id", flat=True)[: acts.MOST + 1])
    else:
        ids = payload.conversation_ids
        found = Conversation.objects.filter(access.client_filter(), id__in=ids)
        if found.count() != len(set(ids)):
            raise Http404("One of these conversations is not there, or it is not yours to see.")
    return Status(
        202,
        acts.perform(
            act=payload.act,
            conversation_ids=ids,
            given=_given(access, payload),
            actor=access.user,
            seen=payload.seen,
        ),
    )


def _given(access: Access, payload: schemas.ActIn) -> dict[str, Any]:
    match payload.act:
        case "macro":
            if payload.macro_id is None:
                raise Invalid("Choose a macro.", field="macro_id")
            macro = get_or_404(selectors_macros.macro_rows(access), payload.macro_id)
            return macros.given_for(macro, timezone.get_current_timezone())
        case "assign":
            return {
                "assignee": str(payload.assignee_id or ""),
                "note": payload.note,
                "despite_claim": payload.despite_claim,
            }
        case "label" | "unlabel":
            return {"label": str(payload.label_id or "")}
        case "priority":
            return {"priority": payload.priority or 0}
        case "snooze":
            return {"until": payload.until.isoformat() if payload.until else ""}
    return {}


@router.get("/conversation-acts", response=PageOut[schemas.ActOut], tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def list_acts(request: ApiRequest, page: Query[PageIn]) -> Any:
    """What the caller did, newest first."""
    return page_of(JournalEntry.objects.filter(actor=request.access.user), page, order=("-created_at", "-id"))


def _act(request: ApiRequest, act_id: UUID) -> JournalEntry:
    found: JournalEntry = get_or_404(JournalEntry.objects.filter(actor=request.access.user), act_id)
    return found


@router.get("/conversation-acts/{act_id}", response=schemas.ActOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def get_act(request: ApiRequest, act_id: UUID) -> Any:
    """How far an act is, and what failed."""
    return _act(request, act_id)


@router.post("/conversation-acts/{act_id}/undo", response=schemas.ActOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def undo_act(request: ApiRequest, act_id: UUID) -> Any:
    """Take an act back within 24 hours, one on many by a worker; `kept` lists what somebody has changed since."""
    return acts.undo(entry_id=_act(request, act_id).id, actor=request.access.user)


# --- labels and views -------------------------------------------------------------------------------


@router.get("/labels", response=list[schemas.LabelOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_labels(request: ApiRequest) -> Any:
    """The labels of the team."""
    return selectors_lists.labels(request.access)


@router.post("/labels", response={201: schemas.LabelOut}, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def create_label(request: ApiRequest, payload: schemas.LabelIn) -> Any:
    """Make a label."""
    client = _client(request.access, payload.client_id)
    return Status(201, labels.create(name=payload.name, client=client, actor=request.access.user))


def _label(access: Access, label_id: UUID) -> Label:
    own = Q() if access.client_ids is None else access.client_filter()
    found: Label = get_or_404(Label.objects.filter(own), label_id)
    return found


@router.patch("/labels/{label_id}", response=schemas.LabelOut, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def change_label(request: ApiRequest, label_id: UUID, payload: schemas.LabelChangeIn) -> Any:
    """Call it something else, or put another label (`into_id`) wherever it is and remove it."""
    found = _label(request.access, label_id)
    if payload.into_id is None:
        return labels.rename(label_id=found.id, name=payload.name, actor=request.access.user)
    into = _label(request.access, payload.into_id)
    labels.merge(label_id=found.id, into_id=into.id, actor=request.access.user)
    return into


@router.delete("/labels/{label_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def delete_label(request: ApiRequest, label_id: UUID) -> Any:
    """Remove it from all conversations."""
    labels.remove(label_id=_label(request.access, label_id).id, actor=request.access.user)
    return Status(204, None)


@router.get("/saved-views", response=list[schemas.SavedViewOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_saved_views(request: ApiRequest) -> Any:
    """The caller's own views, and those that are shared."""
    return list(selectors_lists.own_views(request.access))


@router.post("/saved-views", response={201: schemas.SavedViewOut}, tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def save_view(request: ApiRequest, payload: schemas.SavedViewIn) -> Any:
    """Save a list under a name; one's own view of that name is replaced."""
    filters = Filters.strictly(dict(parse_qsl(payload.query)), request.access)
    return Status(
        201,
        saved_views.save(
            name=payload.name, filters=filters, is_shared=payload.is_shared, access=request.access
        ),
    )


@router.delete("/saved-views/{view_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def delete_view(request: ApiRequest, view_id: UUID) -> Any:
    """Remove a view of one's own."""
    found = get_or_404(SavedView.objects.filter(owner=request.access.user), view_id)
    saved_views.remove(view_id=found.id, actor=request.access.user)
    return Status(204, None)


# --- promises, rules, hours -------------------------------------------------------------------------


@router.get("/inbox-promises", response=list[schemas.PolicyOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_promises(request: ApiRequest) -> Any:
    """What is promised to whom."""
    return list(InboxPolicy.objects.filter(_within(request.access)).order_by("id"))


@router.put("/inbox-promises", response=schemas.PolicyOut, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def set_promise(request: ApiRequest, payload: schemas.PolicyIn) -> Any:
    """Set what is promised to a client, or to all that have no promise of their own."""
    values = payload.dict()
    client = _client(request.access, values.pop("client_id"))
    values |= {name: parse_time(values[name]) for name in ("opens", "closes")}
    return policies.set_policy(client=client, actor=request.access.user, **values)


@router.delete("/inbox-promises/{client_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def delete_promise(request: ApiRequest, client_id: UUID) -> Any:
    """Let a client have what is promised to all again. Clocks that run already keep what they were started with."""
    client = get_or_404(request.access.clients(), client_id)
    policies.drop_policy(client=client, actor=request.access.user)
    return Status(204, None)


@router.get("/assignment-rules", response=list[schemas.RuleOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_rules(request: ApiRequest) -> Any:
    """The rules in the order in which they are asked."""
    return list(AssignmentRule.objects.filter(_within(request.access)).order_by("position", "id"))


@router.post("/assignment-rules", response={201: schemas.RuleOut}, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def create_rule(request: ApiRequest, payload: schemas.RuleIn) -> Any:
    """Add a rule behind the others."""
    values = payload.dict()
    client = _client(request.access, values.pop("client_id"))
    values["people"] = [str(one) for one in values["people"]]
    return Status(201, rules.create(client=client, actor=request.access.user, **values))


def _rule(access: Access, rule_id: UUID) -> AssignmentRule:
    """A rule that the caller may change: what concerns all clients needs a reach over all of them."""
    own = Q() if access.client_ids is None else access.client_filter()
    found: AssignmentRule = get_or_404(AssignmentRule.objects.filter(own), rule_id)
    return found


@router.patch("/assignment-rules/{rule_id}", response=schemas.RuleOut, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def switch_rule(request: ApiRequest, rule_id: UUID, payload: schemas.RuleSwitchIn) -> Any:
    """Let a rule work, or rest."""
    found = _rule(request.access, rule_id)
    return rules.switch(rule_id=found.id, is_active=payload.is_active, actor=request.access.user)


@router.delete("/assignment-rules/{rule_id}", response={204: None}, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def delete_rule(request: ApiRequest, rule_id: UUID) -> Any:
    """Remove a rule."""
    found = _rule(request.access, rule_id)
    rules.remove(rule_id=found.id, actor=request.access.user)
    return Status(204, None)


@router.put("/members/{member_id}/working-hours", response=schemas.HoursOut, tags=TAGS)
@api_rule(Permission.INBOX_MANAGE)
def set_hours(request: ApiRequest, member_id: UUID, payload: schemas.HoursIn) -> Any:
    """Say when a member is at work."""
    member = get_or_404(rows.members(), member_id)
    values = payload.dict()
    values |= {name: parse_time(values[name]) for name in ("starts", "ends")}
    return rules.set_hours(user=member.user, actor=request.access.user, **values)


@router.put("/working-hours/away", response=schemas.HoursOut, tags=TAGS)
@api_rule(Permission.INBOX_REPLY)
def set_away(request: ApiRequest, payload: schemas.AwayIn) -> Any:
    """Say that you are away, or back: meanwhile rules give you nothing."""
    user = request.access.user
    return rules.set_away(user=user, actor=user, **payload.dict())


# --- queues, desk, export ---------------------------------------------------------------------------


@router.get("/queues", response=list[schemas.QueueOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_queues(request: ApiRequest, client: UUID | None = None) -> Any:
    """Who has how much, what is late and what will be."""
    if client is not None:
        get_or_404(request.access.clients(), client)
    return [schemas.QueueOut.of(queue) for queue in selectors_board.board(request.access, client)["queues"]]


@router.get("/conversations/{conversation_id}/candidates", response=list[schemas.CandidateOut], tags=TAGS)
@api_rule(Permission.INBOX_VIEW)
def list_candidates(request: ApiRequest, conversation_id: UUID) -> Any:
    """Leads who may have written, the likeliest first, with the reason."""
    found = get_or_404(rows.reachable(request.access), conversation_id)
    return [
        {"lead_id": one.lead.id, "name": one.lead.full_name, "reason": one.reason}
        for one in selectors_board.matches(found)
    ]


@router.post("/conversations/{conversation_id}/lead", response={201: api_schemas.ConversationOut}, tags=TAGS)
@api_rule(Permission.LEADS_EDIT)
def create_lead(request: ApiRequest, conversation_id: UUID, payload: schemas.NewLeadIn) -> Any:
    """Make a lead of whoever wrote, with the address they wrote from, and link the two."""
    found = get_or_404(rows.reachable(request.access), conversation_id)
    desk.create_lead(conversation_id=found.id, name=payload.name, actor=request.access.user)
    return Status(201, rows.shown(get_or_404(rows.reachable(request.access), conversation_id)))


@router.get(
    "/conversations-export",
    response={200: Any},
    tags=TAGS,
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
@api_rule(Permission.INBOX_VIEW)
def export_conversations(request: ApiRequest, query: str = "view=all") -> Any:
    """All conversations of a list as CSV, streamed. `query` is the query string of the list's address."""
    access = request.access
    filters = Filters.strictly(dict(parse_qsl(query)), access)
    exporting.note_export(access=access, query=filters.query)
    return StreamingHttpResponse(exports.lines(access, filters), content_type="text/csv; charset=utf-8")
