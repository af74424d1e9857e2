"""People and invitations, held against the payload examples of docs/providers/unipile.md (3)."""

from __future__ import annotations

from datetime import datetime

import pytest

from integrations.sandbox.testing import SandboxHandle
from tests.sandbox.conftest import ERIK, Api, befriend, problem

PROFILE_ALWAYS = {
    "object",
    "provider",
    "provider_id",
    "public_identifier",
    "first_name",
    "last_name",
    "headline",
    "websites",
}


def test_a_wrong_key_is_refused_as_seen_in_production(api: Api) -> None:
    answer = api.get("accounts", headers={"X-API-KEY": "wrong"})
    assert answer.json() == {
        "status": 401,
        "type": "errors/missing_credentials",
        "title": "Missing credentials",
    }
    assert answer.status_code == 401
    assert problem(api.get("accounts", headers={"X-API-KEY": ""})) == (401, "missing_credentials")


def test_any_slug_resolves_to_the_same_person_by_slug_and_by_id(api: Api) -> None:
    by_slug = api.get("users/Tomas-Weil/", params={"account_id": ERIK}).json()
    assert by_slug.keys() >= PROFILE_ALWAYS
    assert (by_slug["first_name"], by_slug["last_name"]) == ("Tomas", "Weil")
    assert by_slug["public_identifier"] == "tomas-weil"
    assert by_slug["provider_id"].startswith("ACoAA")
    assert by_slug["network_distance"] in {"SECOND_DEGREE", "THIRD_DEGREE"}
    assert "invitation" not in by_slug
    by_id = api.get(f"users/{by_slug['provider_id']}", params={"account_id": ERIK}).json()
    assert by_id == by_slug
    sales = api.get(f"users/ACw{by_slug['provider_id'][3:]}", params={"account_id": ERIK}).json()
    assert sales == by_slug


def test_dead_links_and_unknown_accounts_are_not_found(api: Api) -> None:
    assert problem(api.get("users/nobody-here", params={"account_id": ERIK})) == (
        404,
        "invalid_resource_identifier",
    )
    assert problem(api.get("users/tomas-weil", params={"account_id": "acc_none"})) == (
        404,
        "resource_not_found",
    )
    assert problem(api.get("users/tomas-weil")) == (400, "missing_parameters")
    assert problem(api.get("no/such/route")) == (404, "resource_not_found")


def test_invite_then_it_is_pending_then_accepted_and_gone(sandbox: SandboxHandle, api: Api) -> None:
    answer = api.invite("tomas-weil", message="Hi Tomas")
    assert answer.status_code == 200
    invitation_id = answer.json()["invitation_id"]
    assert answer.json() == {"object": "UserInvitationSent", "invitation_id": invitation_id}

    listed = api.get("users/invite/sent", params={"account_id": ERIK}).json()
    assert listed["object"] == "InvitationList"
    assert listed["cursor"] is None
    item = listed["items"][0]
    assert item["id"] == invitation_id
    assert item["object"] == "InvitationSent"
    assert item["invited_user"] == "Tomas Weil"
    assert item["invited_user_id"] == api.member_id("tomas-weil")
    assert item["invited_user_public_id"] == "tomas-weil"
    assert item["invitation_text"] == "Hi Tomas"
    assert datetime.strptime(item["parsed_datetime"], "%Y-%m-%dT%H:%M:%S.%f%z")
    profile = api.get("users/tomas-weil", params={"account_id": ERIK}).json()
    assert profile["invitation"] == {"type": "SENT", "status": "PENDING"}

    sandbox.accept("tomas-weil")
    assert api.get("users/invite/sent", params={"account_id": ERIK}).json()["items"] == []
    profile = api.get("users/tomas-weil", params={"account_id": ERIK}).json()
    assert profile["is_relationship"] is True
    assert profile["network_distance"] == "FIRST_DEGREE"
    assert "invitation" not in profile
    relation = api.get("users/relations", params={"account_id": ERIK, "limit": 1}).json()["items"][0]
    assert relation["member_id"] == profile["provider_id"]
    assert "provider_id" not in relation
    assert isinstance(relation["created_at"], int)


def test_linkedin_refuses_what_linkedin_refuses(sandbox: SandboxHandle, api: Api) -> None:
    assert api.invite("tomas-weil").status_code == 200
    assert problem(api.invite("tomas-weil")) == (422, "already_invited_recently")
    sandbox.accept("tomas-weil")
    assert problem(api.invite("tomas-weil")) == (422, "already_connected")
    assert problem(api.invite("maya-l", message="x" * 301)) == (400, "too_many_characters")
    assert problem(api.post("users/invite", json={"provider_id": "maya-l", "account_id": ERIK})) == (
        422,
        "invalid_recipient",
    )
    assert problem(api.post("users/invite", json={"account_id": ERIK})) == (400, "missing_parameters")
    assert problem(api.post("users/invite", content=b"{")) == (400, "malformed_request")
    sandbox.change_person("closed-door", refuse_invite="cannot_invite_attendee")
    assert problem(api.invite("closed-door")) == (422, "cannot_invite_attendee")


def test_a_withdrawn_invitation_cools_down_for_three_weeks(sandbox: SandboxHandle, api: Api) -> None:
    invitation_id = api.invite("tomas-weil").json()["invitation_id"]
    path = f"users/invite/sent/{invitation_id}"
    assert api.delete(path, params={"account_id": ERIK}).json() == {"object": "InvitationCanceled"}
    assert problem(api.delete(path, params={"account_id": ERIK})) == (400, "invalid_parameters")
    assert problem(api.invite("tomas-weil")) == (422, "already_invited_recently")
    sandbox.jump(days=21)
    assert api.invite("tomas-weil").status_code == 200


def test_quotas_of_a_day_and_of_a_week(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.settings(daily_invites=2, weekly_invites=4)
    answers = [api.invite(f"lead-{number}-a") for number in "12"]
    assert [answer.json().get("usage") for answer in answers] == [None, 50]
    assert problem(api.invite("lead-3-a")) == (422, "cannot_resend_yet")
    sandbox.jump(hours=25)
    usages = [api.invite(f"lead-{number}-b").json()["usage"] for number in "12"]
    assert usages == [75, 95]
    sandbox.jump(hours=25)
    assert problem(api.invite("lead-5-a")) == (422, "limit_exceeded")
    # A refused invitation uses nothing up and leaves nothing behind.
    assert len(api.get("users/invite/sent", params={"account_id": ERIK}).json()["items"]) == 4
    sandbox.jump(days=7)
    assert api.invite("lead-5-a").status_code == 200


def test_free_seats_have_few_and_short_notes(sandbox: SandboxHandle, api: Api) -> None:
    free = sandbox.create_seat("Fred Free", features=[])["id"]
    assert problem(api.invite("a-b", free, message="x" * 201)) == (400, "too_many_characters")
    for number in range(5):
        assert api.invite(f"note-{number}", free, message="Hi").status_code == 200
    assert problem(api.invite("note-6", free, message="Hi")) == (422, "cannot_resend_yet")
    assert api.invite("note-6", free).status_code == 200


def test_relations_are_newest_first_and_page_to_the_end(sandbox: SandboxHandle, api: Api) -> None:
    found, cursor = [], None
    while True:
        query = {"account_id": ERIK, "limit": "10", "cursor": cursor or ""}
        page = api.get("users/relations", params=query).json()
        found += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(found) == 24
    assert len({item["member_id"] for item in found}) == 24
    times = [item["created_at"] for item in found]
    assert times == sorted(times, reverse=True)
    name = found[5]["first_name"]
    filtered = api.get("users/relations", params={"account_id": ERIK, "filter": name}).json()["items"]
    assert filtered
    assert all(name in f"{item['first_name']} {item['last_name']}" for item in filtered)


@pytest.mark.parametrize(
    ("route", "highest"),
    [("accounts", 250), ("users/relations", 1000), ("users/invite/sent", 100), ("messages", 250)],
)
def test_limits_differ_per_route(api: Api, route: str, highest: int) -> None:
    assert api.get(route, params={"account_id": ERIK, "limit": highest}).status_code == 200
    for wrong in (0, highest + 1, "many"):
        assert problem(api.get(route, params={"account_id": ERIK, "limit": wrong})) == (
            400,
            "invalid_parameters",
        )
    assert problem(api.get(route, params={"account_id": ERIK, "cursor": "???"})) == (
        400,
        "invalid_parameters",
    )


def test_received_invitations_are_answered_with_their_secret(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.act("nora-keller", "invite", account_id=ERIK, text="Let's connect")
    item = api.get("users/invite/received", params={"account_id": ERIK}).json()["items"][0]
    assert item["inviter"]["inviter_public_identifier"] == "nora-keller"
    body = {"provider": "LINKEDIN", "account_id": ERIK, "action": "accept", "shared_secret": "guess"}
    path = f"users/invite/received/{item['id']}"
    assert problem(api.post(path, json=body)) == (400, "invalid_parameters")
    answer = api.post(path, json=body | {"shared_secret": item["specifics"]["shared_secret"]})
    assert answer.json() == {"object": "UserInvitationHandled", "status": "ACCEPTED"}
    assert api.get("users/nora-keller", params={"account_id": ERIK}).json()["is_relationship"] is True


def test_search_is_deterministic_pages_and_knows_its_apis(sandbox: SandboxHandle, api: Api) -> None:
    spec = {"api": "classic", "category": "people", "keywords": "coo"}
    first = api.post("linkedin/search", params={"account_id": ERIK, "limit": 5}, json=spec).json()
    again = api.post("linkedin/search", params={"account_id": ERIK, "limit": 5}, json=spec).json()
    assert first == again
    assert first["paging"]["total_count"] >= 40
    assert first["config"]["params"] == spec
    following = api.post(
        "linkedin/search", params={"account_id": ERIK}, json={"cursor": first["cursor"]}
    ).json()
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in following["items"]}
    sales = api.post(
        "linkedin/search",
        params={"account_id": ERIK},
        json={"url": "https://www.linkedin.com/sales/search/people?x"},
    ).json()
    assert sales["items"][0]["id"].startswith("ACw")
    assert sales["items"][0]["public_identifier"] is None
    free = sandbox.create_seat("Fred Free", features=[])["id"]
    refused = api.post(
        "linkedin/search", params={"account_id": free}, json={"api": "sales_navigator", "category": "people"}
    )
    assert problem(refused) == (403, "feature_not_subscribed")
    mine = api.post(
        "linkedin/search", params={"account_id": ERIK}, json=spec | {"network_distance": [1]}
    ).json()
    assert mine["paging"]["total_count"] == 24
    assert {item["network_distance"] for item in mine["items"]} == {"DISTANCE_1"}


def test_what_goes_to_linkedin_needs_a_session(sandbox: SandboxHandle, api: Api) -> None:
    provider_id = befriend(sandbox, api, "tomas-weil")
    sandbox.set_seat_status(ERIK, "CREDENTIALS")
    assert problem(api.get("users/tomas-weil", params={"account_id": ERIK})) == (401, "disconnected_account")
    assert problem(api.start_chat(provider_id, "Hi")) == (401, "disconnected_account")
    assert api.get("chats", params={"account_id": ERIK}).status_code == 200
