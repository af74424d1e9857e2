"""Proofreading: what is objected to, where, and what is left in peace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.proofreading import Weight, proofread


def codes(text: str, action: str = "email", field: str = "body", **more: bool) -> list[str]:
    return [remark.code for remark in proofread(text, action=action, field=field, **more)]


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ lead.first_name }}, is month-end still done by hand at {{ company.name }}?",
        "See https://ledgerline.com/why?x=1#top and tell me.",
        "See https://ledgerline.com/{{ company.domain }}/x.",
        "We work with NASA and SAP.",
        "Straße, naïve, 完成: see https://münchen.de",
        "Unwinnerlike words are fine.",
        "",
    ],
)
def test_sound_texts_are_left_in_peace(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    "link",
    ["http:/ledgerline.com", "https://", "https://ledgerline", "www.", "https://a..b.com/x", "ftp://x.com/y",
     "https://acme.example/x", "https://x.com:notaport/"],
)  # fmt: skip
def test_a_link_that_nobody_can_open_is_a_fault(link: str) -> None:
    if link == "www.":
        assert codes(f"See {link} now") == []  # not a link at all
        return
    remarks = proofread(f"Line one\nSee {link} now", action="email", field="body")
    assert [(remark.code, remark.weight, remark.line) for remark in remarks] == [
        ("broken_link", Weight.FAULT, 2)
    ]


@pytest.mark.parametrize(
    "left_over", ["[First Name]", "{first_name}", "%company%", "<FIRSTNAME>", "Lorem ipsum", "[your company]"]
)
def test_another_programs_placeholder_is_a_fault(left_over: str) -> None:
    remarks = proofread(f"Hi {left_over}, hello", action="message", field="text")
    assert [remark.code for remark in remarks] == ["left_over"]
    assert left_over in remarks[0].message


def test_advice() -> None:
    assert codes("Click here to buy now") == ["spam_phrase", "spam_phrase"]
    assert codes("THIS REALLY WORKS FINE") == ["capitals"]
    assert codes("Hi! Yes! Now!") == ["exclamation"]
    assert codes("https://bit.ly/x") == ["short_link"]
    assert codes("http://ledgerline.com/x") == ["plain_link"]
    assert codes("https://a.com https://b.com https://c.com") == ["many_links"]
    assert codes("word " * 201) == ["long"]
    assert codes("y" * 1_001, "message", "text") == ["long"]
    assert codes("y" * 400, "sms", "text") == ["segments"]


def test_subjects() -> None:
    assert codes("Re: our call", field="subject") == ["false_reply"]
    assert codes("Re: our call", field="subject", threaded=True) == []
    assert codes("Reliable numbers", field="subject") == []
    assert codes("y" * 71, field="subject") == ["long"]
    assert codes("one\ntwo", field="subject") == ["line_break"]


def test_faults_come_first() -> None:
    remarks = proofread("urgent\n\nHi [name]", action="email", field="body")
    assert [remark.weight for remark in remarks] == [Weight.FAULT, Weight.ADVICE]


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    for remark in proofread(text, action="email", field="body"):
        assert 1 <= remark.line <= text.count("\n") + text.count("\r") + 1
        assert remark.message
