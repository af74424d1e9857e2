"""Secrets do not come through."""

from __future__ import annotations

import pytest

from project.core.http import Redactor


@pytest.mark.parametrize(
    "text",
    [
        "X-API-KEY: s3cret-value-1",
        '{"access_token":"s3cret-value-1"}',
        "Authorization: Bearer s3cret-value-1",
        "password=s3cret-value-1&x=1",
        "shared_secret='s3cret-value-1'",
    ],
)
def test_what_is_named_a_secret_is_masked(text: str) -> None:
    assert "s3cret-value-1" not in Redactor().text(text)


def test_known_values_are_masked_anywhere() -> None:
    redactor = Redactor(["abcdef-123", "abcdef-123-longer"])
    assert redactor.text("x abcdef-123-longer y abcdef-123") == "x [masked] y [masked]"


def test_urls_lose_query_and_user_info() -> None:
    redactor = Redactor(["abcdef-123"])
    assert (
        redactor.url("https://u:p@h.example:8443/a/abcdef-123?k=v#f") == "https://h.example:8443/a/[masked]"
    )
    assert redactor.url("http://[::1]:80/x") == "http://[::1]:80/x"


def test_headers() -> None:
    masked = Redactor().headers({"X-API-KEY": "v", "Cookie": "v", "Accept": "application/json"})
    assert masked == {"X-API-KEY": "[masked]", "Cookie": "[masked]", "Accept": "application/json"}


def test_long_text_is_cut() -> None:
    assert len(Redactor().text("x" * 5000)) == 500
