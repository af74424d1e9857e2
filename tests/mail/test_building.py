"""The e-mails that leave: whole, folded where they may be, and safe against injected headers."""

from __future__ import annotations

import email
import email.policy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.errors import ErrorKind, ProviderError
from integrations.mail.building import ascii_address, build_mime
from integrations.values import OutgoingAttachment, OutgoingEmail


def outgoing(**changes: Any) -> OutgoingEmail:
    values: dict[str, Any] = {
        "send_id": "1",
        "message_id": "<one@acme.example>",
        "from_email": "erik@acme.example",
        "from_name": "Erik Sand",
        "to_email": "jo@globex.example",
        "to_name": "Jo Weil",
        "subject": "Hello",
        "text": "Hi Jo",
    }
    return OutgoingEmail(**{**values, **changes})


def words(part: Any) -> str:
    """The text of a part, with plain line ends."""
    return str(part.get_content()).replace("\r\n", "\n")


def built(**changes: Any) -> tuple[bytes, Any]:
    raw = build_mime(outgoing(**changes), provider="mailbox").as_bytes()
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def test_text_and_html_are_alternatives() -> None:
    raw, read = built(text="Hällo\n.\nJo", html="<p>Hällo</p>")
    assert read.get_content_type() == "multipart/alternative"
    assert words(read.get_body(("plain",))) == "Hällo\n.\nJo\n"
    assert words(read.get_body(("html",))) == "<p>Hällo</p>\n"
    assert raw.isascii()
    assert b"\r\n" in raw
    assert not re.search(rb"[^\r]\n", raw)


def test_threads_name_their_root_and_what_is_answered() -> None:
    references = tuple(f"<{number}{'x' * 60}@acme.example>" for number in range(40))
    raw, read = built(in_reply_to="<last@globex.example>", references=references)
    assert read["In-Reply-To"] == "<last@globex.example>"
    ids = read["References"].split()
    assert ids[0] == references[0]
    assert ids[-1] == "<last@globex.example>"
    assert len(ids) == 20
    assert b"=?" not in raw
    assert max(len(line) for line in raw.split(b"\r\n")) < 200


def test_long_ids_and_links_are_never_encoded() -> None:
    long_id = f"<{'a' * 150}@acme.example>"
    ways = f"<mailto:u+{'k' * 60}@acme.example>, <https://app.example/u/{'k' * 150}>"
    raw, read = built(
        message_id=long_id,
        headers={"List-Unsubscribe": ways, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    assert long_id.encode() in raw
    assert " ".join(read["List-Unsubscribe"].split()) == ways
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85"])
def test_no_header_can_be_injected_by_words(field: str, end: str) -> None:
    _raw, read = built(**{field: f"Hello{end}Bcc: victim@example.com{end}{end}Body"})
    assert read["Bcc"] is None
    assert words(read) == "Hi Jo\n"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"to_email": "a@b\r\nBcc: c@d.example"}, ErrorKind.RECIPIENT),
        ({"to_email": "nobody"}, ErrorKind.RECIPIENT),
        ({"to_email": "jörg@globex.example"}, ErrorKind.RECIPIENT),
        ({"from_email": "a b@acme.example"}, ErrorKind.VALIDATION),
        ({"reply_to": "<x>"}, ErrorKind.VALIDATION),
        ({"message_id": "no brackets"}, ErrorKind.VALIDATION),
        ({"in_reply_to": "<a@b>\r\nBcc: x"}, ErrorKind.VALIDATION),
        ({"headers": {"Bcc": "x@y.example"}}, ErrorKind.VALIDATION),
        ({"headers": {"Subject": "other"}}, ErrorKind.VALIDATION),
        ({"headers": {"Content-Type": "text/html"}}, ErrorKind.VALIDATION),
        ({"headers": {"X-A: b\r\nBcc": "x"}}, ErrorKind.VALIDATION),
    ],
)
def test_what_makes_no_mail_is_refused(changes: dict[str, Any], kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as caught:
        build_mime(outgoing(**changes), provider="mailbox")
    assert caught.value.kind is kind


def test_header_values_stay_on_their_line() -> None:
    _raw, read = built(headers={"X-Campaign": "a\r\nBcc: b@c.example"})
    assert read["Bcc"] is None
    assert read["X-Campaign"] == "a Bcc: b@c.example"


def test_domains_leave_in_ascii() -> None:
    assert ascii_address("jo@Müller.example") == "jo@xn--mller-kva.example"
    assert built(to_email="jo@müller.example")[1]["To"].addresses[0].addr_spec == "jo@xn--mller-kva.example"


def test_attachments_keep_their_names_and_bytes() -> None:
    _raw, read = built(
        html="<p>x</p>",
        attachments=(
            OutgoingAttachment(name="../Ä\r\nb.pdf", mime_type="application/pdf", content=b"\x00\xff"),
            OutgoingAttachment(name="old.eml", mime_type="message/rfc822", content=b"From: x\r\n\r\ny"),
        ),
    )
    first, second = read.iter_attachments()
    assert first.get_filename() == ".._Ä b.pdf"
    assert first.get_content() == b"\x00\xff"
    assert second.get_content_type() == "application/octet-stream"


@given(subject=st.text(max_size=300), text=st.text(max_size=500), name=st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_words_make_a_mail_with_the_same_words(subject: str, text: str, name: str) -> None:
    raw, read = built(subject=subject, text=text, from_name=name)
    assert raw.count(b"\r\nSubject:") == 1
    assert [found.lower() for found in read.keys()].count("to") == 1  # noqa: SIM118 - a header may repeat
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
