"""What people type into the search, read."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from inbox.search.query import Word, parse


def test_words_phrases_and_operators() -> None:
    found = parse(
        'pricing "cold rooms" -invoice quot* from:"Marta Lind" is:unread has:attachment after:2026-11-01'
    )
    assert found.words == (
        Word("pricing"), Word("cold rooms"), Word("invoice", is_excluded=True), Word("quot", is_prefix=True),
    )  # fmt: skip
    assert found.operators == {"from": ("Marta Lind",), "is": ("unread",), "has": ("attachment",)}
    assert found.after == date(2026, 11, 1)
    assert found.problems == ()


def test_what_makes_no_sense_is_said() -> None:
    found = parse("before:soon is:blue from: https://example.com")
    assert [problem.split(" ")[0] for problem in found.problems] == ["before:soon", "is:blue"]
    assert [word.text for word in found.words] == ["from:", "https://example.com"]
    assert not parse("-only").has_words
    # What must not be is not what must be.
    found = parse("intent:question -intent:interested -from:marta")
    assert found.operators == {"intent": ("question",), "-intent": ("interested",)}
    assert found.problems == ("-from: cannot be left out; write from: without the minus.",)


@given(st.text(max_size=300))
def test_anything_can_be_typed(text: str) -> None:
    parse(text)
