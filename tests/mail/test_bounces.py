"""Mail that comes back, in the wording of the servers that write it; a bounce is never a reply."""

from __future__ import annotations

import pytest

from integrations.events import (
    MessageBounced,
    MessageDelivered,
    MessageReceived,
    SpamComplained,
    Unsubscribed,
)
from integrations.mail.bounces import category_of
from tests.mail import mails
from tests.mail.mails import OURS_ID, OWN, SEND_ID, THEIRS, event, raw, read


@pytest.mark.parametrize(
    ("mail", "code", "category", "is_permanent"),
    [
        (mails.POSTFIX, "5.1.1", "invalid_address", True),
        (mails.EXIM, "5.1.1", "invalid_address", True),
        (mails.EXCHANGE, "5.1.10", "invalid_address", True),
        (mails.QMAIL, "5.1.1", "invalid_address", True),
        (mails.GMAIL, "5.7.1", "reputation", False),
        (mails.FULL, "5.2.2", "mailbox", False),
        (mails.EXPIRED, "4.4.1", "technical", False),
        (mails.GMAIL_DELAYED, "4.4.1", "deferred", False),
        (mails.EXIM_DELAYED, "4.7.1", "deferred", False),
    ],
    ids=["postfix", "exim", "exchange", "qmail", "gmail", "full", "expired", "gmail late", "exim late"],
)
def test_returns_say_who_why_and_which(mail: str, code: str, category: str, is_permanent: bool) -> None:
    bounced = event(mail.replace("\n", "\r\n").encode())
    assert isinstance(bounced, MessageBounced)
    assert (bounced.code, bounced.category, bounced.is_permanent) == (code, category, is_permanent)
    assert bounced.recipient == THEIRS
    assert bounced.provider_message_id == OURS_ID
    assert bounced.send_id == SEND_ID
    assert bounced.reason


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_same_return_is_one_fact(end: str) -> None:
    first, second = (event(mails.POSTFIX.replace("\n", end).encode()) for _ in range(2))
    assert first.dedupe_key == second.dedupe_key


def test_a_copy_and_whom_it_was_for_come_back_as_two_facts() -> None:
    begins = mails.POSTFIX.index("Final-Recipient")
    block = mails.POSTFIX[begins : mails.POSTFIX.index("\n\n--9B7A", begins)]
    both = mails.POSTFIX.replace(block, f"{block.replace(THEIRS, 'bo@globex.example')}\n\n{block}")
    copy, theirs = read(both.encode()).events
    assert isinstance(copy, MessageBounced)
    assert isinstance(theirs, MessageBounced)
    assert (copy.recipient, theirs.recipient) == ("bo@globex.example", THEIRS)
    assert copy.dedupe_key != theirs.dedupe_key
    assert theirs.dedupe_key == event(mails.POSTFIX.encode()).dedupe_key


def test_two_warnings_are_two_facts() -> None:
    first = event(mails.EXIM_DELAYED.encode())
    second = event(mails.EXIM_DELAYED.replace("E1r5abd", "E1r5abe").encode())
    assert first.dedupe_key != second.dedupe_key


def test_a_notice_of_delivery_is_no_bounce() -> None:
    notice = mails.POSTFIX.replace("Action: failed", "Action: relayed").replace(
        "Status: 5.1.1", "Status: 2.0.0"
    )
    delivered = event(notice.encode())
    assert isinstance(delivered, MessageDelivered)
    assert delivered.provider_message_id == OURS_ID


def test_a_person_who_quotes_a_return_has_answered() -> None:
    answer = event(raw("It came back?\n\n> 550 5.1.1 user unknown\n> Undelivered Mail Returned to Sender"))
    assert isinstance(answer, MessageReceived)
    assert answer.is_reply


def test_a_return_of_a_mail_that_we_got_is_not_ours() -> None:
    told = read(mails.POSTFIX.replace(THEIRS, OWN).encode())
    assert not told.events
    assert "itself" in told.ignored


def test_complaints_are_told_with_the_mail_they_are_about() -> None:
    complained = event(mails.COMPLAINT.encode())
    assert isinstance(complained, SpamComplained)
    assert (complained.recipient, complained.provider_message_id) == (THEIRS, OURS_ID)


def test_a_report_that_it_is_no_spam_is_no_complaint() -> None:
    told = read(mails.COMPLAINT.replace("Feedback-Type: abuse", "Feedback-Type: not-spam").encode())
    assert not told.events
    assert told.ignored


def test_a_report_that_somebody_wants_out_unsubscribes() -> None:
    out = event(mails.COMPLAINT.replace("Feedback-Type: abuse", "Feedback-Type: opt-out").encode())
    assert isinstance(out, Unsubscribed)
    assert out.recipient == THEIRS


def test_read_receipts_are_passed_over() -> None:
    assert read(mails.RECEIPT.encode()).ignored


@pytest.mark.parametrize(
    ("code", "words", "category"),
    [
        ("5.1.1", "", "invalid_address"),
        ("5.4.1", "Recipient address rejected: Access denied", "invalid_address"),
        ("550", "No such user here", "invalid_address"),
        ("5.2.2", "", "mailbox"),
        ("452", "The email account is over quota", "mailbox"),
        ("5.7.26", "unauthenticated", "reputation"),
        ("554", "rejected due to spam content", "reputation"),
        ("4.7.28", "unusual rate", "frequency"),
        ("421", "", "frequency"),
        ("5.3.4", "message too big", "content"),
        ("4.4.7", "", "technical"),
        ("", "something else", "unclassified"),
    ],
)
def test_codes_and_words_have_one_meaning(code: str, words: str, category: str) -> None:
    assert category_of(code, words) == category
