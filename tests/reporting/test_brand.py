"""A client's pages have its colour, whichever it is, and stay readable in both themes."""

from __future__ import annotations

import re

import pytest
from django.test import Client as Browser
from hypothesis import given
from hypothesis import strategies as st

from project.core.scoping import no_scope
from reporting import brand
from reporting.services import sharing
from tests.factories import Agency
from tests.theme.test_tokens import _themes, contrast


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_leaves_texts_readable(number: int) -> None:
    colour = f"#{number:06x}"
    assert contrast(brand.on(colour), colour) >= 4.5
    for theme, rules in zip(("light", "dark"), brand.stylesheet(colour).splitlines()[::2], strict=True):
        tokens = _themes()[theme]
        text, drawn = (re.search(rf"--{name}:(#[0-9a-f]{{6}})", rules) for name in ("brand-text", "brand"))
        assert text is not None
        assert drawn is not None
        for ground in ("surface", "bg"):
            assert contrast(text[1], tokens[ground]) >= 4.5, (theme, ground)
            assert contrast(drawn[1], tokens[ground]) >= 3, (theme, ground)


@pytest.mark.django_db
def test_the_agency_gives_a_client_its_colour(kestrel: Agency, client: Browser) -> None:
    report = kestrel.url(f"reports/clients/{kestrel.first.id}/")
    client.force_login(kestrel.manager)
    refused = client.post(f"{report}portal/", {"brand_colour": "red;} body{"})
    assert refused.status_code == 422
    assert "A colour is written like" in refused.content.decode()
    assert (
        client.post(f"{report}portal/", {"shows_replies": "1", "brand_colour": "FFD400"}).status_code == 303
    )
    with kestrel.scope():
        token = sharing.create(access=kestrel.access(kestrel.manager), client=kestrel.first, name="Board")[1]
    client.force_login(kestrel.client_user)
    for page in (client.get(report), Browser().get(f"/share/{token}")):
        assert 'href="/brand/ffd400.css"' in page.content.decode()
        assert 'class="portal branded"' in page.content.decode()
    with no_scope():
        sheet = Browser().get("/brand/ffd400.css")
        assert (sheet.status_code, sheet.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
        assert "--brand-mark:#ffd400;--brand-on:#000000" in sheet.content.decode()
        assert Browser().get("/brand/ffd40.css").status_code == 404
    client.force_login(kestrel.manager)
    client.post(f"{report}portal/", {"shows_replies": "1", "brand_colour": ""})
    client.force_login(kestrel.client_user)
    assert f'class="portal c{kestrel.first.colour}"' in client.get(report).content.decode()
