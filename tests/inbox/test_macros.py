"""Macros: several acts with one key, shown beforehand, refused where a reply must not leave, and undone as one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from inbox.models import CannedReply, Conversation, JournalEntry, Label, Macro, Message, ReplyDraft
from inbox.services import acts, canned, drafts, macros, triage
from integrations.models import OutboundMessage
from project.core.clock import now
from project.core.refusals import Invalid
from tests.campaigns.conftest import World
from tests.inbox.test_triage import conversation, wrote

pytestmark = pytest.mark.django_db


def text_of(world: World, body: str = "Gladly, {{ lead.first_name }}.", **values: Any) -> CannedReply:
    given = {"name": "Thanks", "client": None, "owner": None, "channel": "", **values}
    there = CannedReply.objects.filter(name=given["name"]).first()
    return there or canned.save(canned=None, body=body, actor=world.agency.agent, **given)


def macro_of(world: World, **values: Any) -> Macro:
    """Answer, label, take it and close it, unless told otherwise."""
    label, _ = Label.objects.get_or_create(name="Warm", client=None)
    parts = {"canned_id": text_of(world).id, "label_id": label.id, "assign": "me", "end": "close"}
    own = {"name": "Thank and close", "key": "1", "client": None, "owner": None}
    own |= {name: values.pop(name) for name in list(values) if name in own}
    return macros.save(macro=None, parts=macros.Parts(**{**parts, **values}), actor=world.agency.agent, **own)


def run(world: World, browser: Browser, macro: Macro, *found: Conversation, **values: Any) -> Any:
    browser.force_login(world.agency.agent)
    given = {"act": "macro", "macro": macro.id, "ids": ",".join(str(one.id) for one in found), **values}
    return browser.post(world.agency.url("inbox/acts/"), given, headers={"HX-Request": "true"})


def test_one_key_answers_labels_takes_and_closes_and_one_undo_takes_all_of_it_back(
    world: World, client: Browser
) -> None:
    macro = macro_of(world)
    found = [conversation(world, "marta"), conversation(world, "olga")]
    answered = run(world, client, macro, *found)
    assert "Ran “Thank and close” on 2 conversations" in answered.headers["HX-Trigger"].encode().decode(
        "unicode_escape"
    )
    for one in found:
        fresh = one.refreshed()
        assert (fresh.status, fresh.assignee, fresh.unread) == ("closed", world.agency.agent, 0)
        assert [link.label.name for link in fresh.label_links.all()] == ["Warm"]
    replies = Message.objects.filter(direction="outbound", author=world.agency.agent)
    assert sorted(one.body for one in replies) == ["Gladly, Marta.", "Gladly, Olga."]
    assert macro.canned is not None
    assert macro.canned.refreshed().uses == 2

    client.post(world.agency.url("inbox/journal/undo/"), headers={"HX-Request": "true"})
    assert {one.refreshed().state for one in replies} == {"withdrawn"}
    assert not OutboundMessage.objects.exclude(state="cancelled").filter(origin="reply").exists()
    for one in found:
        fresh = one.refreshed()
        assert (fresh.status, fresh.assignee, fresh.unread > 0) == ("open", None, True)
        assert not fresh.label_links.exists()
    assert not ReplyDraft.objects.exists(), "nobody was writing: no drafts are left behind"


def test_a_reply_that_has_left_stays_and_is_named(world: World, client: Browser) -> None:
    found = conversation(world, "marta")
    run(world, client, macro_of(world), found)
    OutboundMessage.objects.filter(origin="reply").update(state="sent", sent_at=now())
    undone = acts.undo(entry_id=JournalEntry.objects.get().id, actor=world.agency.agent)
    assert [one["why"] for one in undone.kept] == ["The reply has left and stays."]
    assert found.refreshed().status == "open", "the rest is taken back all the same"


def test_where_the_reply_must_not_leave_nothing_is_done(world: World, client: Browser) -> None:
    """One has moved on, one is being answered by hand, one has no value for a variable; the last one is done."""
    moved_on, written, fine = (conversation(world, slug) for slug in ("marta", "olga", "petra"))
    seen = moved_on.refreshed().revision
    wrote(world, "marta", "One thing more", now() + timedelta(minutes=1))
    drafts.save(conversation_id=written.id, author=world.agency.agent, body="As I said,")
    answered = run(
        world, client, macro_of(world), moved_on, written, fine, seen=f"{moved_on.id}:{seen},nonsense,:,x:-1"
    )
    said = answered.content.decode()
    assert "Ran “Thank and close” 1 of 3 conversations" not in said
    assert "There is a new message in this thread" in said
    assert "You are writing a reply here" in said
    for one in (moved_on, written):
        fresh = one.refreshed()
        assert (fresh.status, fresh.assignee, fresh.label_links.count()) == ("open", None, 0)
    assert fine.refreshed().status == "closed"
    assert ReplyDraft.objects.get().body == "As I said,"


def test_a_text_without_a_value_never_leaves_and_the_preview_says_so(world: World, client: Browser) -> None:
    found = conversation(world, "marta")
    text = text_of(world, "Dear {{ lead.first_name }} of {{ company.country }}", name="Country")
    macro = macro_of(world, canned_id=text.id)
    client.force_login(world.agency.agent)
    url = world.agency.url(f"inbox/macros/{macro.id}/preview/")
    shown = client.post(url, {"ids": str(found.id)}).content.decode()
    assert "There is no value for company.country" in shown
    assert "1 of those below cannot be done" in shown
    refused = run(world, client, macro, found)
    assert refused.status_code == 422
    assert "There is no value for company.country" in refused.content.decode()
    assert not Message.objects.filter(direction="outbound", author=world.agency.agent).exists()
    assert found.refreshed().status == "open"


def test_macros_belong_to_somebody_and_use_what_all_who_run_them_have(world: World, client: Browser) -> None:
    agency = world.agency
    own = text_of(world, name="Mine", owner=agency.agent)
    with pytest.raises(Invalid, match="everybody who may run it"):
        macro_of(world, canned_id=own.id)
    mine = macros.save(
        macro=None, name="Mine", key="2", client=None, owner=agency.agent, actor=agency.agent,
        parts=macros.Parts(canned_id=own.id),
    )  # fmt: skip
    client.force_login(agency.agent2)
    assert client.get(agency.url(f"inbox/macros/{mine.id}/")).status_code == 404
    refused = client.post(
        agency.url("inbox/acts/"),
        {"act": "macro", "macro": mine.id, "ids": str(conversation(world, "marta").id)},
    )
    assert refused.status_code == 404
    with pytest.raises(Invalid, match="at least one thing"):
        macros.save(
            macro=None, name="Idle", key="", client=None, owner=None, actor=agency.agent, parts=macros.Parts()
        )
    # One's own key wins in one's own menu, and the other stays there without it.
    team = macro_of(world, key="2")
    client.force_login(agency.agent)
    page = client.get(agency.url("inbox/")).content.decode()
    assert f'data-macro="{mine.id}" data-macro-key="2"' in page
    assert f'data-macro="{team.id}" data-macro-key=""' in page
    assert "Sends “Thanks”, labels Warm, takes it, closes it" in page


def test_a_macro_is_made_and_changed_on_its_page(world: World, client: Browser) -> None:
    agency = world.agency
    client.force_login(agency.agent)
    idle = client.post(agency.url("inbox/macros/"), {"name": "Later"})
    assert idle.status_code == 422
    assert "at least one thing" in idle.content.decode()
    client.post(agency.url("inbox/macros/"), {"name": "Later", "key": "3", "end": "monday", "assign": "me"})
    macro = Macro.objects.get()
    assert (macro.key, macro.end, macro.snooze, macro.assign) == ("3", "snooze", "monday", "me")
    found = conversation(world, "marta")
    run(world, client, macro, found)
    fresh = found.refreshed()
    assert (fresh.status, fresh.assignee) == ("snoozed", agency.agent)
    assert fresh.snoozed_until is not None
    assert fresh.snoozed_until > now()
    page = client.get(agency.url(f"inbox/macros/{macro.id}/")).content.decode()
    assert '<option value="monday" selected>' in page
    client.post(
        agency.url(f"inbox/macros/{macro.id}/"), {"name": "Later", "assign": str(agency.agent2.id), "end": ""}
    )
    assert (macro.refreshed().assignee, macro.refreshed().end) == (agency.agent2, "")
    client.post(agency.url(f"inbox/macros/{macro.id}/"), {"act": "delete"})
    assert not Macro.objects.exists()
    triage.reopen(conversation_id=found.id, actor=agency.agent)


def test_what_a_closed_row_is_asked_is_to_be_opened(world: World, client: Browser) -> None:
    """The facts of a row are what the key ``e`` decides by."""
    found = conversation(world, "marta")
    triage.close(conversation_id=found.id, actor=world.agency.agent)
    client.force_login(world.agency.agent)
    page = client.get(world.agency.url("inbox/?view=closed")).content.decode()
    row = page[page.index(f'id="conversation-row-{found.id}"') :].split("</li>")[0]
    assert "&quot;status&quot;: &quot;closed&quot;" in row
    assert f"&quot;revision&quot;: {found.refreshed().revision}" in row
