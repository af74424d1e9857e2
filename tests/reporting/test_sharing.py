"""Share links: figures without names, until they expire, are revoked, or ask for a password."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns.services import campaigns
from project.core.clock import now
from reporting.models import ShareLink, ShareView
from reporting.services import saved
from tests.campaigns.conftest import WORKING, World
from tests.reporting.test_reports import answered

__all__ = ["answered"]

pytestmark = pytest.mark.django_db


def make(world: World, browser: Browser, **form: str) -> str:
    """The address of a new link, as its page shows it once."""
    browser.force_login(world.agency.manager)
    path = world.agency.url(f"reports/clients/{world.agency.first.id}/share/")
    page = browser.post(path, {"name": "Board", "days": "30", **form}).content.decode()
    found = re.search(r'id="new-share-url">http://[^/]+(/share/[^<]+)<', page)
    assert found is not None, page
    return found[1]


def test_whoever_holds_a_link_sees_figures_and_nobody(answered: World, client: Browser) -> None:
    path = make(answered, client)
    stranger = Browser()
    answer = stranger.get(path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="kpi-contacted"' in page
    assert 'id="kpi-contacted"' in stranger.get(path.replace("/share/", "/r/")).content.decode()
    for hidden in ("Marta", "tell me more", "/o/kestrel/"):
        assert hidden not in page
    assert "no-store" in answer["Cache-Control"]
    view = ShareView.objects.latest("viewed_at")
    assert (view.link.name, view.address) == ("Board", "127.0.0.1")
    assert "Looked at 2 times" in client.get(
        answered.agency.url(f"reports/clients/{answered.agency.first.id}/shares/")
    ).content.decode()  # fmt: skip


def test_a_link_names_no_account_and_nothing_else_of_the_client(answered: World, client: Browser) -> None:
    agency = answered.agency
    other = campaigns.create(client=agency.first, name="Secret plans", actor=agency.manager)
    saved.add_note(
        access=agency.access(agency.manager), client=agency.first, campaign=None, day=WORKING.date(),
        text="We were late",
    )  # fmt: skip
    path = make(answered, client)
    pages = [
        Browser().get(f"{path}?{query}").content.decode()
        for query in ("", f"campaign={other.id}", f"sender={answered.sender.id}")
    ]
    for page in pages:
        assert "Sender 1" in page
        for hidden in (answered.sender.name, "Secret plans", "We were late", "Narrowed"):
            assert hidden not in page


def said(answer: Any) -> tuple[int, str]:
    """What a page says, whatever its own tokens are."""
    return answer.status_code, re.sub(r'X-CSRFToken": "[^"]*"', "", answer.content.decode())


def test_revoked_expired_and_wrong_links_look_alike(
    answered: World, client: Browser, time_machine: Any
) -> None:
    path = make(answered, client)
    link = ShareLink.objects.get()
    unknown = said(Browser().get("/share/unknown"))
    client.post(answered.agency.url(f"reports/shares/{link.id}/revoke/"))
    assert said(Browser().get(path)) == unknown
    other = make(answered, client, days="2")
    time_machine.move_to(now() + timedelta(days=3), tick=False)
    assert said(Browser().get(other)) == unknown
    assert unknown[0] == 404


def test_a_password_is_asked_for_and_tries_are_few(
    answered: World, client: Browser, clean_redis: Any
) -> None:
    path = make(answered, client, password="correct horse")
    assert "correct horse" not in ShareLink.objects.get().password
    stranger = Browser()
    assert stranger.get(path).status_code == 403
    assert stranger.post(path, {"password": "wrong"}).status_code == 403
    assert "kpi-contacted" in stranger.post(path, {"password": "correct horse"}).content.decode()
    assert stranger.get(path).status_code == 200
    guesser = Browser()
    for _ in range(10):
        guesser.post(path, {"password": "wrong"})
    assert "wait a minute" in guesser.post(path, {"password": "correct horse"}).content.decode()
    assert ShareView.objects.count() == 2


def test_only_who_may_edit_campaigns_shares(answered: World, client: Browser) -> None:
    for who in (answered.agency.client_user, answered.agency.viewer):
        client.force_login(who)
        path = answered.agency.url(f"reports/clients/{answered.agency.first.id}/share/")
        assert client.post(path, {"name": "x"}).status_code == 403
    client.force_login(answered.agency.manager)
    foreign = client.post(path, {"name": "", "days": "30"})
    assert foreign.status_code == 422
    assert not ShareLink.objects.exists()
