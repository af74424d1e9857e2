"""The components page, the frame, entrance and error pages render: unique ids, nothing inline."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.test import RequestFactory

from project.theme.shell import AREAS, Shell, ShellClient, ShellOrganization, ShellUser, area
from project.theme.specimens import specimens
from tests.theme.test_marks import parse

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)


@pytest.fixture
def request_of_nobody(rf: RequestFactory) -> Any:
    request = rf.get("/")
    request.user = AnonymousUser()
    return request


def shell() -> Shell:
    here = ShellOrganization("Kestrel & <b>Rowe</b>", "kestrel", "/o/kestrel/inbox/")
    return Shell(
        organization=here,
        organizations=[here, ShellOrganization("Other", "other", "/o/other/inbox/")],
        areas=[area(key, url=f"/o/kestrel/{key}/", count=12, active=key == "inbox") for key in AREAS],
        clients=[ShellClient("Halden Robotics", 1, "#", 31)],
        clients_total=6,
        user=ShellUser("Tom Okafor", "tom@kestrel.example", "TO", 4, "Agent", id="7"),
        live_cursor=42,
    )


def check(html: str) -> None:
    parsed = parse(html)
    assert [name for name, count in Counter(parsed.ids).items() if count > 1] == []
    assert parsed.styles == []


def test_the_components_page_shows_every_part(request_of_nobody: Any) -> None:
    html = render_to_string("theme/components.html", specimens(NOW), request=request_of_nobody)
    check(html)
    for text in ("Joost Achterberg", "Private note, Ana Ferreira", "Binds", "catching up (12)", "22/25"):
        assert text in html


def test_the_frame(request_of_nobody: Any) -> None:
    html = render_to_string("app.html", {"shell": shell()}, request=request_of_nobody)
    check(html)
    assert "Kestrel &amp; &lt;b&gt;Rowe" in html
    assert html.count('id="connection-chip"') == 1
    assert 'data-live-cursor="42"' in html
    assert html.count('aria-current="page"') == 2, "the area in the sidebar, and its tab on phones"
    assert "1 of 6" in html
    assert '<a class="skip" href="#main">' in html


def test_areas_that_the_role_may_not_open_are_not_shown(request_of_nobody: Any) -> None:
    only_reports = [item for item in shell().areas if item.key == "reports"]
    given = Shell(organization=shell().organization, areas=only_reports, user=shell().user)
    html = render_to_string("app.html", {"shell": given}, request=request_of_nobody)
    assert "/o/kestrel/reports/" in html
    assert "/o/kestrel/ops/" not in html


@pytest.mark.parametrize("cookie", ["dark", "light"])
def test_the_chosen_theme_is_in_the_document_from_the_start(request_of_nobody: Any, cookie: str) -> None:
    request_of_nobody.COOKIES["theme"] = cookie
    assert f'data-theme="{cookie}"' in render_to_string("404.html", {}, request=request_of_nobody)


def test_any_other_cookie_leaves_the_theme_to_the_system(request_of_nobody: Any) -> None:
    request_of_nobody.COOKIES["theme"] = '"><script>'
    assert "data-theme=" not in render_to_string("404.html", {}, request=request_of_nobody)


@pytest.mark.parametrize(
    "name", ["400", "403", "403_csrf", "404", "account/signup_closed", "tenancy/invitation"]
)
def test_entrance_and_error_pages(request_of_nobody: Any, name: str) -> None:
    html = render_to_string(f"{name}.html", {}, request=request_of_nobody)
    check(html)
    assert html.count("<h1") == 1


def test_the_500_page_needs_nothing() -> None:
    html = render_to_string("500.html")
    check(html)
    assert "theme/css/app.css" in html


def test_messages_are_shown_where_they_can_be_acted_on(request_of_nobody: Any) -> None:
    notes = [Message(25, "Imported"), Message(40, "Refused")]
    html = render_to_string("app.html", {"shell": shell(), "messages": notes}, request=request_of_nobody)
    assert html.index("Refused") < html.index('id="toasts"') < html.index("Imported")
