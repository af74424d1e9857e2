"""HTML of received mail: what is kept, what is shown, and that nothing hostile gets through."""

from __future__ import annotations

import pytest

from inbox import mail_html

RICH = "<table><tr><td>Offer</td></tr></table>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        '<a href="javascript:alert(1)">x</a>',
        '<iframe src="https://evil.example"></iframe>',
        "<svg><script>alert(1)</script></svg>",
        '<div style="background:url(https://evil.example/t.gif)">x</div>',
        '<style>@import "https://evil.example/x.css";</style>',
        '<form action="https://evil.example"><input name=a></form>',
        '<base href="https://evil.example">',
        '<meta http-equiv="refresh" content="0;url=https://evil.example">',
        '<link rel="stylesheet" href="https://evil.example/x.css">',
        '<img src="data:text/html;base64,PHNjcmlwdD4=">',
        '<div style="position:fixed;top:0">x</div>',
    ],
)
def test_hostile_html_does_nothing(hostile: str) -> None:
    kept = mail_html.keep(RICH + hostile)
    shown = mail_html.document(kept.html, picture=lambda address: "")
    for mark in ("script", "onerror", "javascript:", "evil.example", "<form", "position", "data:text"):
        assert mark not in kept.html, kept.html
    body = shown.partition("<body>")[2]
    assert "evil.example" not in body


def test_pictures_are_counted_and_only_loaded_when_asked_for() -> None:
    kept = mail_html.keep(
        '<p>Hi</p><img src="https://t.example/a.gif"><img src="https://t.example/a.gif">'
        '<img src="https://t.example/b.png"><img src="cid:logo@x">'
    )
    assert kept.remote_images == 2
    blocked = mail_html.document(
        kept.html, picture=lambda address: "/f" if address.startswith("cid:") else ""
    )
    assert "t.example" not in blocked
    assert 'src="/f"' in blocked
    loaded = mail_html.document(kept.html, picture=lambda address: f"/p?u={len(address)}")
    assert 'src="/p?u=' in loaded


def test_plain_mail_is_shown_as_its_text() -> None:
    assert mail_html.keep("<div>Tuesday at 10 would work.<br>Marta</div>") == mail_html.Kept("", 0)
    assert mail_html.keep("<b>" * 20_000).html == ""


def test_what_a_program_quotes_is_folded() -> None:
    kept = mail_html.keep(
        f'{RICH}<p>Yes.</p><div class="gmail_quote"><div>On Monday:</div><blockquote>a<br>b</blockquote></div>'
        "<p>End</p>"
    )
    shown = mail_html.document(kept.html, picture=lambda address: "")
    before, _, after = shown.partition("<details><summary>Quoted text</summary>")
    assert "Yes." in before
    assert "On Monday" in after.partition("</details>")[0]
    assert "End" in after.partition("</details>")[2]


@pytest.mark.parametrize(
    ("new", "full", "quoted"),
    [
        ("Yes", "", ""),
        ("Yes", "Yes", ""),
        ("Yes", "Yes\n\nOn Monday Erik wrote:\n> Hi", "On Monday Erik wrote:\n> Hi"),
        ("Below", "> Hi\n\nBelow", "> Hi\n\nBelow"),
    ],
)
def test_the_quoted_part_of_a_text(new: str, full: str, quoted: str) -> None:
    assert mail_html.quoted_part(new, full) == quoted
