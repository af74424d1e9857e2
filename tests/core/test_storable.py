"""JSON from outside is stored whatever it holds: hostile characters are taken out, everything else is untouched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.core.storable import load_json, storable

_TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["\x00", "\ud83d", "a\x00b", "\\u0000", "😀"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.booleans())
def test_a_body_is_read_as_the_value_that_can_be_stored(value: object, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert load_json(body) == storable(json.loads(body))


@given(_VALUES)
def test_what_is_returned_can_be_stored(value: object) -> None:
    def strings(part: object) -> list[str]:
        if isinstance(part, dict):
            return [text for pair in part.items() for item in pair for text in strings(item)]
        if isinstance(part, list):
            return [text for item in part for text in strings(item)]
        return [part] if isinstance(part, str) else []

    for text in strings(storable(value)):
        assert "\x00" not in text
        text.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_other_encodings_of_json_are_cleaned_too(encoding: str) -> None:
    body = json.dumps({"text": "a\x00b"}).encode(encoding)
    assert load_json(body) == {"text": "ab"}


def test_what_is_no_json_is_refused() -> None:
    assert load_json(b'[NaN, Infinity, "\\u00e9"]') == [None, None, "é"]
    with pytest.raises(ValueError, match="Expecting"):
        load_json(b"{")
