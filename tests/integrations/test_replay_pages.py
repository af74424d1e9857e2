"""Replays as people, programs and operators reach them: pages, JSON API, command, platform; and diagnostics."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client as Browser

from inbox.models import Conversation, Message
from integrations.models import Connection, ProviderEvent, ReplayRun, SenderAccount, WebhookDelivery
from integrations.services import rehearsals, replays, webhooks
from integrations.webhook_filters import Filter
from project.core.clock import now
from project.core.scoping import no_scope
from project.tenancy.models import AuditEntry, User
from tests.campaigns.conftest import World, world
from tests.factories import Agency
from tests.integrations.test_replays import Stored, reply, stored

pytestmark = pytest.mark.django_db

__all__ = ["stored", "world"]


@pytest.fixture
def ops(world: World) -> Browser:
    browser = Browser()
    browser.force_login(world.agency.ops)
    return browser


class Api:
    """Calls the JSON API as somebody."""

    def __init__(self, agency: Agency, user: User) -> None:
        self.browser = Browser()
        self.browser.force_login(user)
        self.headers = {"X-Organization": agency.slug}

    def get(self, path: str, **query: Any) -> Any:
        return self.browser.get(f"/api/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        return self.browser.post(
            f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )


def run_all() -> None:
    for made in ReplayRun.objects.filter(state="queued"):
        replays.run(made.id)


# --- the page ---------------------------------------------------------------------------------------


def test_a_lost_reply_is_looked_at_rehearsed_and_replayed_on_the_page(
    world: World, stored: Stored, ops: Browser
) -> None:
    world.lead("Marta", "marta")
    world.launch()
    delivery = stored(reply("Call me after 3"))
    page = ops.get(world.agency.url("ops/webhooks/?state=dead")).content.decode()
    assert f'id="webhook-row-{delivery.id}"' in page
    assert "OperationalError: the database went away" in page
    assert "Dry run of 1" in page
    page = ops.get(world.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode()
    assert "Call me after 3" in page
    assert "Dry run" in page
    preview = ops.post(world.agency.url("ops/webhooks/preview/"), {"ids": delivery.id}).content.decode()
    assert "Nothing has changed yet" in preview
    assert "Sequences that would stop" in preview
    assert "Call me after 3" in preview
    assert not Message.objects.exists()
    answer = ops.post(world.agency.url("ops/webhooks/replay/"), {"ids": delivery.id})
    assert answer.status_code == 303
    assert "Waiting" in ops.get(answer["Location"]).content.decode()
    run_all()
    shown = ops.get(answer["Location"]).content.decode()
    assert "Replaying the same again changes nothing" in shown
    assert Message.objects.count() == 1
    # Once more, only when the account was last heard of would be written anew: nothing that anybody sees.
    SenderAccount.objects.update(last_webhook_at=None)
    preview = ops.post(world.agency.url("ops/webhooks/preview/"), {"ids": delivery.id}).content.decode()
    assert "Nothing that you see would change" in preview
    assert "This is what a replay would change" not in preview
    page = ops.get(world.agency.url(f"ops/webhooks/{delivery.id}/")).content.decode()
    assert world.agency.ops.display_name in page
    assert "1 time, last" in page
    assert "picked delivery" in ops.get(world.agency.url("ops/webhooks/replays/")).content.decode().lower()


def test_filters_stand_in_the_address_and_narrow_by_everything(
    world: World, stored: Stored, ops: Browser, kestrel: Agency
) -> None:
    mine = stored(reply("Grüße aus München", number=1))
    stored(reply("Other", slug="aron", number=2), state="processed", minute=30, event_type="message_read")
    other = Connection.objects.create(provider="heyreach", name="Hey", client=kestrel.second)
    stored(reply("Third", number=3), provider="heyreach", connection_id=other.id, minute=40)

    def found(query: str) -> int:
        answer = ops.get(world.agency.url(f"ops/webhooks/?{query}"))
        assert answer.status_code == 200, query
        return answer.content.decode().count('id="webhook-row-')

    assert found("") == 3
    assert found("provider=heyreach") == found(f"connection_id={other.id}") == 1
    assert found("state=dead") == 2
    assert found("event_type=message_read") == 1
    assert found("text=GR%C3%BC%C3%9Fe") == found("text=net_marta1") == found(f"text={mine.id}") == 1
    assert found("text=nowhere") == 0
    assert found(f"sender_id={world.sender.id}") == 2
    assert found(f"client_id={kestrel.second.id}") == 1
    since = world_time(mine, minutes=10)
    assert found(f"since={since}") == 2
    assert found(f"until={since}") == 1
    assert found("reason=OperationalError: the database went away") == 2
    bad = ops.get(world.agency.url("ops/webhooks/?since=yesterday"))
    assert bad.status_code == 400
    assert "Write the time as" in bad.content.decode()


def world_time(delivery: WebhookDelivery, *, minutes: int) -> str:
    from datetime import timedelta

    return (delivery.received_at + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_member_over_one_client_replays_only_what_is_within_reach(
    world: World, stored: Stored, kestrel: Agency
) -> None:
    from project.tenancy.models import Membership

    Membership.objects.filter(user=kestrel.limited).update(role="ops")
    theirs = Connection.objects.create(
        provider="unipile",
        name="Theirs",
        client=kestrel.second,
        status="ok",
        base_url="http://127.0.0.1:1/unipile",
    )
    near, far = stored(reply(number=1), connection_id=theirs.id), stored(reply(number=2))
    api = Api(kestrel, kestrel.limited)
    assert [row["id"] for row in api.get("/webhook-deliveries").json()["items"]] == [str(near.id)]
    assert api.post("/webhook-replays", {"ids": [str(far.id)]}).status_code == 409
    run = api.post("/webhook-replays", {"state": "dead"}).json()
    assert run["total"] == 1
    everything = Api(kestrel, kestrel.ops).post("/webhook-replays", {"state": "dead"}).json()
    assert everything["total"] == 2
    assert api.get(f"/webhook-replays/{everything['id']}").status_code == 404
    assert [row["id"] for row in api.get("/webhook-replays").json()["items"]] == [run["id"]]


# --- the API ----------------------------------------------------------------------------------------


def test_the_api_rehearses_replays_follows_and_cancels(world: World, stored: Stored) -> None:
    world.lead("Marta", "marta")
    world.launch()
    stored(reply("Tell me more"))
    api = Api(world.agency, world.agency.ops)
    [group] = api.get("/webhook-dead-letters").json()
    assert (group["count"], group["why"]) == (1, "OperationalError: the database went away")
    chosen = {
        "provider": group["provider"],
        "event_type": group["event_type"],
        "reason": group["why"],
        "state": "dead",
    }
    found = api.post("/webhook-replays/dry-run", chosen).json()
    assert (found["total"], found["changed"], len(found["stopped"])) == (1, 1, 1)
    assert not ProviderEvent.objects.exists()
    answer = api.post("/webhook-replays", chosen)
    assert answer.status_code == 202
    run = answer.json()
    assert (run["state"], run["total"], run["requested_by"]) == ("queued", 1, world.agency.ops.display_name)
    run_all()
    done = api.get(f"/webhook-replays/{run['id']}").json()
    assert (done["state"], done["changed"]) == ("done", 1)
    assert api.post(f"/webhook-replays/{run['id']}/cancel", {}).json()["code"] == "REPLAY_ENDED"
    assert api.post("/webhook-replays", {}).json()["code"] == "NOTHING_CHOSEN"
    again = api.post("/webhook-replays", {"all": True}).json()
    assert api.post(f"/webhook-replays/{again['id']}/cancel", {}).json()["state"] == "cancelled"
    assert api.get("/webhook-dead-letters").json() == []
    detail = api.get(f"/webhook-deliveries/{WebhookDelivery.objects.get().id}").json()
    assert (detail["replay_count"], detail["last_replay_id"]) == (1, run["id"])
    assert AuditEntry.objects.filter(action="webhooks.replayed").count() == 2


def test_staff_replays_over_organizations_and_nobody_else(
    world: World, stored: Stored, rival: Agency, staff: User
) -> None:
    stored(reply())
    with no_scope(), rival.scope():
        theirs = WebhookDelivery.objects.create(
            provider="unipile", body=b"{}", payload_hash="x", state="dead", attempts=8, received_at=now()
        )
    browser = Browser()
    browser.force_login(staff)
    with no_scope():
        page = browser.get("/platform/webhooks/").content.decode()
        assert "1 dead" in page
        chosen = {"organizations": [str(world.agency.id), str(rival.id)], "state": "dead"}
        assert browser.post("/platform/webhooks/replay/", chosen).status_code == 302
    assert ReplayRun.objects.get().total == 1
    with no_scope(), rival.scope():
        [run] = ReplayRun.objects.all()
        assert run.requested_by == staff
        assert replays.run(run.id) == "done"
        assert WebhookDelivery.objects.get(id=theirs.id).replay_count == 1
    with no_scope():
        api = Api(world.agency, staff)
        answer = api.post(
            "/platform/webhook-replays", {"state": "ignored", "organization_ids": [str(rival.id)]}
        )
        assert (answer.status_code, [row["total"] for row in answer.json()]) == (202, [1])
        assert Api(world.agency, world.agency.admin).post("/platform/webhook-replays", {}).status_code == 404


def test_staff_sees_what_a_replay_would_change_in_each_organization_first(
    world: World, stored: Stored, rival: Agency, staff: User
) -> None:
    world.lead("Marta", "marta")
    world.launch()
    stored(reply("Tell me more"))
    with no_scope(), rival.scope():
        WebhookDelivery.objects.create(
            provider="unipile", body=b"{}", payload_hash="x", state="dead", attempts=8, received_at=now()
        )
    both = [str(world.agency.id), str(rival.id)]
    browser = Browser()
    browser.force_login(staff)
    with no_scope():
        chosen = {"organizations": both, "state": "dead"}
        page = browser.post("/platform/webhooks/preview/", chosen).content.decode()
        refused = browser.post("/platform/webhooks/preview/", {"organizations": both}, follow=True)
        found = Api(world.agency, staff).post("/platform/webhook-replays/dry-run", chosen).json()
        nobody = Api(world.agency, world.agency.admin).post("/platform/webhook-replays/dry-run", chosen)
    _, *cards = page.split('id="platform-dry-run-')[1:]
    [ours] = [card for card in cards if card.startswith(both[0])]
    assert "Sequences that would stop" in ours
    assert any(card.startswith(both[1]) for card in cards)
    assert "2 deliveries can be replayed" in page
    # What was rehearsed is what the button below it replays.
    assert all(f'name="organizations" value="{one}"' in page for one in both)
    assert 'name="state" value="dead"' in page
    assert "Choose organizations, and a state or a time." in refused.content.decode()
    told = {row["organization"]: row for row in found["organizations"]}
    assert (told[world.agency.slug]["changed"], len(told[world.agency.slug]["stopped"])) == (1, 1)
    assert told[rival.slug]["changed"] == 0
    assert nobody.status_code == 404
    # It left no trace anywhere, and says whom it did not reach.
    assert not ProviderEvent.objects.exists()
    assert not ReplayRun.objects.exists()
    with no_scope():
        late = rehearsals.dry_run_everywhere(criteria=Filter(state="dead"), seconds=0.0)
    assert {world.agency.id, rival.id} <= {one.id for one in late.not_reached}


# --- the command ------------------------------------------------------------------------------------


def command(*args: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    with no_scope():
        try:
            call_command("replay", *args, stdout=out)
        except SystemExit as ended:
            code = int(str(ended.code or 0))
    return code, out.getvalue()


def test_the_command_rehearses_replays_and_says_how_it_ended(
    world: World, stored: Stored, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lead("Marta", "marta")
    world.launch()
    delivery = stored(reply())
    slug = world.agency.slug
    code, out = command("--organization", slug, "--state", "dead", "--dry-run")
    assert code == 0
    assert "+ message: from" in out
    assert "1 sequences stopped" in out
    assert not ProviderEvent.objects.exists()
    code, out = command("--id", str(delivery.id), "--dry-run", "--json")
    told = json.loads(out.splitlines()[-1])
    assert (code, told["dry_run"], told["organizations"][slug]["changed"]) == (0, True, 1)
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "apply", lambda delivery: 1 / 0)
        code, out = command("--state", "dead", "--json")
        assert code == 1
        assert json.loads(out)["organizations"][slug]["failed"] == 1
    code, out = command("--since", "00:01", "--state", "failed", "--json")
    assert (code, json.loads(out)["organizations"][slug]["changed"]) == (0, 1)
    for bad in (
        ["--state", "dead"],
        ["--state", "nonsense"],
        [],
        ["--organization", "nobody", "--all"],
        ["--since", "soon"],
        ["--id", "x"],
    ):
        code, out = command(*bad)
        assert (code, out) == (2, ""), bad
        assert capsys.readouterr().err.count("\n") == 1


# --- diagnostics ------------------------------------------------------------------------------------


def test_diagnostics_say_why_a_message_matched_and_another_did_not(
    world: World, stored: Stored, client: Browser
) -> None:
    unmatched = stored(reply("Before the lead was known"), state="received", attempts=0)
    webhooks.process(unmatched.id, unmatched.received_at)
    lead = world.lead("Marta", "marta")
    matched = stored(reply("After", number=2), state="received", attempts=0, minute=5)
    webhooks.process(matched.id, matched.received_at)
    lost = stored(reply("Lost", number=3), minute=10)
    stored(reply("Somebody else", slug="aron", number=9), minute=11)
    api = Api(world.agency, world.agency.admin)
    found = api.get(f"/leads/{lead.id}/diagnostics").json()
    told = {row["delivery_id"]: row for row in found["findings"]}
    assert set(told) == {str(unmatched.id), str(matched.id), str(lost.id)}
    assert told[str(matched.id)]["verdict"] == "matched"
    assert "Reply of Marta" in told[str(matched.id)]["why"]
    assert told[str(unmatched.id)]["verdict"] == "unmatched"
    assert "a replay would match it" in told[str(unmatched.id)]["why"]
    assert (told[str(lost.id)]["verdict"], told[str(lost.id)]["why"]) == (
        "nothing",
        "OperationalError: the database went away",
    )
    assert "Before the lead was known" in told[str(unmatched.id)]["raw"]
    assert "ACoAA_marta" in told[str(lost.id)]["mentions"]

    thread = Conversation.objects.get(lead=lead)
    same = api.get(f"/conversations/{thread.id}/diagnostics").json()
    assert {row["delivery_id"] for row in same["findings"]} == set(told)
    client.force_login(world.agency.admin)
    for path in (f"leads/{lead.id}/diagnostics/", f"inbox/{thread.id}/diagnostics/"):
        page = client.get(world.agency.url(path)).content.decode()
        assert "a replay would match it" in page
    assert "diagnostics" in client.get(world.agency.url(f"leads/{lead.id}/")).content.decode()
    assert "diagnostics" in client.get(world.agency.url(f"inbox/{thread.id}/context/")).content.decode()
    assert "diagnostics" in client.get(world.agency.url(f"ops/webhooks/{matched.id}/")).content.decode()
    # Replayed, it matches, and says so.
    made = replays.request(criteria=Filter(ids=(unmatched.id,)), actor=None)
    replays.run(made.id)
    after = api.get(f"/leads/{lead.id}/diagnostics").json()["findings"]
    assert {row["verdict"] for row in after if row["delivery_id"] == str(unmatched.id)} == {"matched"}
