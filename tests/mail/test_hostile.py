"""Whatever bytes come in: an event, a reason, or one kind of error - within a bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import ErrorKind, ProviderError
from integrations.events import from_json, to_json
from tests.mail import mails
from tests.mail.mails import raw, read

EXAMPLES = [
    text.encode()
    for text in (
        mails.POSTFIX,
        mails.EXIM,
        mails.EXCHANGE,
        mails.GMAIL,
        mails.QMAIL,
        mails.COMPLAINT,
        mails.RECEIPT,
    )
] + [raw(), raw("<p>x", Content_Type="text/html"), raw(Content_Type='multipart/mixed; boundary="b"')]


def survives(mail: bytes) -> None:
    """Read a mail; nothing but a validation error may come out, and events can be stored."""
    try:
        told = read(mail)
    except ProviderError as error:
        if error.kind is not ErrorKind.VALIDATION:
            raise
        return
    assert told.events or told.ignored
    for event in told.events:
        assert len(event.dedupe_key) <= 200
        assert from_json(to_json(event)) == event


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_any_bytes(data: bytes) -> None:
    survives(data)


@given(st.sampled_from(EXAMPLES), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_broken_mails(mail: bytes, data: st.DataObject) -> None:
    """Cut, doubled, or with foreign bytes in the middle."""
    at = data.draw(st.integers(0, len(mail)))
    size = data.draw(st.integers(0, 200))
    put = data.draw(
        st.binary(max_size=60) | st.sampled_from([b"\x00", b"\r", b"\n\n", b"--b\n", b"=?utf-8?b?", b"\xff"])
    )
    survives(mail[:at] + put + mail[at + size :])


HEADER_TEXT = st.text(max_size=200) | st.sampled_from(
    [
        "=?utf-8?q?=",
        "=?x?y?z?=",
        "(((((",
        "<<>>",
        '"',
        "a@b@c",
        ",,,,",
        "=?utf-8?b?////?=",
        "\u2028",
        "x" * 5000,
    ]
)


HEADER_NAMES = st.sampled_from(
    [
        "From", "To", "Subject", "Date", "Message_ID", "References", "Content_Type", "Auto_Submitted",
        "Return_Path", "Content_Transfer_Encoding",
    ]
)  # fmt: skip


@given(st.dictionaries(HEADER_NAMES, HEADER_TEXT))
@settings(max_examples=200, deadline=None)
def test_any_header(headers: dict[str, str]) -> None:
    fields = {name: value.replace("\r", " ").replace("\n", " ") for name, value in headers.items()}
    survives(
        raw("text", **{name: value.encode("utf-8", "replace").decode() for name, value in fields.items()})
    )


def nested(depth: int) -> bytes:
    body = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(depth))
    return raw(body + f"--b{depth}\n\ndeep\n", Content_Type='multipart/mixed; boundary="b0"')


HOSTILE = {
    "nothing": b"",
    "blank": b"\r\n\r\n",
    "ten thousand headers": b"".join(b"X-A%d: b\r\n" % n for n in range(10_000)) + raw(),
    "a header of a megabyte": b"Subject: " + b"x" * 1_000_000 + b"\r\n" + raw(),
    "ten thousand recipients": raw(To=", ".join(f"a{n}@x.example" for n in range(10_000))),
    "nested comments": raw(From="(" * 5000 + "x@y.example"),
    "nested parts": nested(60),
    "deeply nested parts": nested(3000),
    "a million parts": raw("--b\n\n\n" * 200_000, Content_Type='multipart/mixed; boundary="b"'),
    "nested html": raw("<div>" * 50_000 + "x", Content_Type="text/html"),
    "open html": raw("<!--" * 50_000 + "<a " * 50_000, Content_Type="text/html"),
    "formatting html": raw(
        "".join(f"<b id={n}>" for n in range(20_000)) + "<p>" * 20_000, Content_Type="text/html"
    ),
    "nul bytes": raw("a\x00b", Subject="a\x00b"),
    "broken base64": raw("%%%%", Content_Transfer_Encoding="base64"),
    "broken quoted printable": raw("=ZZ=", Content_Transfer_Encoding="quoted-printable"),
    "uuencode": raw("begin 644 x\n#garbage\nend", Content_Transfer_Encoding="x-uuencode"),
    "quotes": raw(("> " * 500 + "x\n") * 2000),
    "long lines": raw(("On " + "a " * 5000 + "wrote:\n") * 50),
    "many references": raw(References=" ".join(f"<{n}@x.example>" for n in range(20_000))),
    "encoded words": raw(Subject="=?utf-8?q?a?= " * 3000),
}


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mails_are_read_in_time(mail: bytes) -> None:
    started = time.monotonic()
    survives(mail)
    assert time.monotonic() - started < 15
