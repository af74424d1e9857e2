"""From a mail to its event: people, direction, threads, dates, ids, characters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from integrations.base import NoKnowledge
from integrations.events import MessageReceived, Unsubscribed
from integrations.values import Direction
from tests.mail.mails import NOW, OURS_ID, OWN, THEIRS, event, raw, read


def test_an_answer_is_a_reply_of_theirs() -> None:
    answer = event(raw())
    assert isinstance(answer, MessageReceived)
    assert answer.is_reply
    assert answer.direction is Direction.INBOUND
    assert (answer.sender.name, answer.sender.email) == ("Jo Weil", THEIRS)
    assert answer.counterpart is not None
    assert answer.counterpart.email == THEIRS
    assert answer.subject == "Re: Your warehouse"
    assert answer.references == (OURS_ID,)
    assert answer.chat_id == OURS_ID
    assert answer.occurred_at == datetime(2026, 11, 21, 9, 59, tzinfo=UTC)
    assert answer.full_text == ""


@pytest.mark.parametrize("options", [{}, {"sent_folder": True}])
def test_mail_of_our_own_address_was_written_by_its_owner(options: dict[str, bool]) -> None:
    written = event(raw(From=f"Erik <{OWN.upper()}>", To=f"Jo <{THEIRS}>"), **options)
    assert written.direction is Direction.OUTBOUND
    assert written.counterpart.email == THEIRS


def test_mail_in_the_sent_folder_is_ours_whatever_alias_it_left_from() -> None:
    assert event(raw(From="alias@acme.example", To=THEIRS), sent_folder=True).direction is Direction.OUTBOUND


def test_mail_to_oneself_is_passed_over() -> None:
    assert read(raw(From=OWN, To=OWN)).ignored


def test_copies_and_names_are_decoded() -> None:
    answer = event(
        raw(
            From="=?utf-8?q?Weil=2C_J=C3=B6?= <JO@Globex.Example>",
            Cc="Ana <ana@globex.example>, broken, <x@y@z>",
            Subject="=?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?b?IOKCrA==?=",
        )
    )
    assert (answer.sender.name, answer.sender.email) == ("Weil, Jö", "jo@globex.example")
    assert answer.copied_to == ("ana@globex.example",)
    assert answer.subject == "Grüße €"


def test_whoever_else_was_written_to_is_kept() -> None:
    answer = event(raw(From=THEIRS, To=f"{OWN}, Bo <bo@globex.example>", Cc=f"{THEIRS}, cy@globex.example"))
    assert answer.copied_to == ("bo@globex.example", "cy@globex.example")


def test_the_thread_is_its_first_mail() -> None:
    answer = event(
        raw(References="<root@x.example>\r\n <second@x.example>", In_Reply_To="<second@x.example>")
    )
    assert answer.chat_id == "<root@x.example>"
    assert answer.references == ("<root@x.example>", "<second@x.example>")


def test_a_program_that_only_says_what_it_answers_stays_in_the_thread() -> None:
    class Knows(NoKnowledge):
        def thread_of(
            self, account_id: str, message_ids: Sequence[str], *, counterpart: str, subject: str
        ) -> str:
            return "<root@acme.example>" if "<second@acme.example>" in message_ids else ""

    answer = event(raw(References="", In_Reply_To="<second@acme.example>"), knowledge=Knows())
    assert answer.chat_id == "<root@acme.example>"


def test_a_mail_that_answers_nothing_begins_a_thread() -> None:
    begun = event(raw(References="", In_Reply_To=""))
    assert begun.chat_id == begun.provider_message_id == "<their-1@globex.example>"


def test_mail_without_an_id_gets_one_that_stays() -> None:
    first, second = event(raw(Message_ID="")), event(raw(Message_ID=""), received_at=NOW + timedelta(days=1))
    assert first.provider_message_id == second.provider_message_id
    assert first.provider_message_id != event(raw("Other", Message_ID="")).provider_message_id


def test_ids_beyond_all_measure_become_digests_everywhere() -> None:
    long = f"<{'a' * 600}@x.example>"
    assert (
        event(raw(Message_ID=long)).provider_message_id == event(raw(References=long, In_Reply_To="")).chat_id
    )
    assert len(event(raw(Message_ID=long)).provider_message_id) <= 200


@pytest.mark.parametrize(
    ("date", "exact"),
    [
        ("Sat, 21 Nov 2026 09:59:00 +0000", True),
        ("Fri, 20 Nov 2026 09:59:00 -0800", True),
        ("Sat, 21 Nov 2037 09:59:00 +0000", False),
        ("Thu, 1 Jan 1970 00:00:00 +0000", False),
        ("yesterday", False),
        ("Sat, 99 Nov 2026 99:99:99 +9999", False),
        ("", False),
    ],
)
def test_dates_are_believed_within_reason(date: str, exact: bool) -> None:
    answer = event(raw(Date=date))
    assert answer.time_is_exact is exact
    assert exact or answer.occurred_at == NOW


def test_the_last_server_knows_when_it_arrived() -> None:
    received = "from x by mail.acme.example; Sat, 21 Nov 2026 09:30:00 +0000"
    answer = event(raw(Date="garbage", Received=received))
    assert answer.occurred_at == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-8", "Grüße €".encode()),
        ("iso-8859-1", "Grüße €".encode("cp1252")),
        ("us-ascii", "Grüße €".encode()),
        ("windows-1252", "Grüße €".encode("cp1252")),
        ("no-such-charset", "Grüße €".encode()),
        ("punycode", "Grüße €".encode()),
        ("utf-8", "Grüße €".encode("cp1252")),
    ],
)
def test_wrong_charsets_are_read_all_the_same(charset: str, data: bytes) -> None:
    mail = raw("", Content_Type=f"text/plain; charset={charset}", Content_Transfer_Encoding="8bit") + data
    assert event(mail).text == "Grüße €"


def test_attachments_are_listed_and_forwarded_mails_are_files() -> None:
    body = (
        '--b\nContent-Type: text/plain\n\nSee the file.\n--b\nContent-Type: application/pdf; name="ä.pdf"\n'
        "Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\nContent-Transfer-Encoding: base64\n\n"
        "JVBERi0=\n--b\nContent-Type: message/rfc822\n\nFrom: x@y.example\nSubject: old\n\nOld text\n--b--\n"
    )
    answer = event(raw(body, Content_Type='multipart/mixed; boundary="b"'))
    assert answer.text == "See the file."
    assert [(file.name, file.mime_type) for file in answer.attachments] == [
        ("ä.pdf", "application/pdf"),
        ("", "message/rfc822"),
    ]
    assert answer.attachments[0].size == 5


def test_flowed_lines_are_joined() -> None:
    body = "This is one \nlong line.\n> quoted \n> too\n"
    answer = event(raw(body, Content_Type="text/plain; charset=utf-8; format=flowed"))
    assert answer.text == "This is one long line."


@pytest.mark.parametrize(
    "headers",
    [
        {"To": f"unsubscribe+Tok3n.abc_DEF@{OWN.partition('@')[2]}"},
        {"To": f"Erik <{OWN}>", "Delivered_To": "u+Tok3n.abc_DEF@acme.example"},
        {"Subject": "unsubscribe Tok3n.abc_DEF"},
        {"Subject": "Unsubscribe:Tok3n.abc_DEF"},
    ],
)
def test_mails_to_the_lists_address_carry_their_token(headers: dict[str, str]) -> None:
    out = event(raw("", **headers))
    assert isinstance(out, Unsubscribed)
    assert out.raw["token"] == "Tok3n.abc_DEF"
    assert (out.recipient, out.how) == (THEIRS, "mail")


def test_somebody_who_writes_unsubscribe_has_answered() -> None:
    assert isinstance(event(raw("Please unsubscribe me", Subject="Re: unsubscribe")), MessageReceived)
