"""Which step a message came from, and placeholders in the providers' spellings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integrations.outreach import steps, variables
from integrations.outreach.fields import count, listing, load_lenient
from integrations.running import ProviderMessage, SequenceStep, StepAction
from integrations.values import Direction

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEPS = (
    SequenceStep(number=1, action=StepAction.INVITE, body="Hi {{first_name}}, let us connect"),
    SequenceStep(
        number=2, action=StepAction.MESSAGE, wait_days=1, body="Thanks {{ first_name }}!", fallback="Thanks!"
    ),
    SequenceStep(number=3, action=StepAction.MESSAGE, wait_days=1, body="One more thing"),
)


def messages(*told: tuple[Direction, str]) -> list[ProviderMessage]:
    return [
        ProviderMessage(direction=direction, text=text, sent_at=AT + timedelta(hours=place))
        for place, (direction, text) in enumerate(told)
    ]


def test_messages_are_attributed_by_their_wording_and_order() -> None:
    ours, theirs = Direction.OUTBOUND, Direction.INBOUND
    thread = messages(
        (theirs, "Out of the blue"), (ours, "Hi Lee, let us connect"), (ours, "Thanks!"), (theirs, "Yes?"),
        (ours, "Written by hand"), (ours, "One more thing"), (ours, "Thanks Lee!"),
    )  # fmt: skip
    numbers = [item.sequence_step_number for item in steps.attribute(thread, STEPS)]
    assert numbers == [None, 1, 2, 2, None, 3, None]


@given(st.text(max_size=60), st.text(max_size=60))
def test_attribution_takes_any_text(body: str, said: str) -> None:
    step = SequenceStep(number=1, action=StepAction.MESSAGE, body=body)
    steps.attribute(messages((Direction.OUTBOUND, said)), [step])


def test_placeholders_go_there_and_back() -> None:
    spelling = {"first_name": "{FIRST_NAME}", "company": "{COMPANY}"}
    ours = "Hi {{first_name}} of {{company}}, {{icebreaker}}"
    theirs = variables.written(ours, spelling, lambda name: f"{{{name.upper()}}}")
    assert theirs == "Hi {FIRST_NAME} of {COMPANY}, {ICEBREAKER}"
    assert variables.read_single(theirs, spelling, str.lower) == ours
    assert variables.read_single("{a|b} {FIRST_NAME}", spelling, str.lower) == "{a|b} {{first_name}}"


def test_bodies_of_any_kind() -> None:
    assert [load_lenient(body) for body in (b"", b" success ", b"3", b'{"a": 1}', b"{broken", b"\xff")] == [
        None, "success", 3, {"a": 1}, "{broken", "�",
    ]  # fmt: skip
    assert listing({"data": {"leads": [{"id": 1}, 5]}}, "data", "leads") == [{"id": 1}]
    assert [count({"n": value}, "n") for value in ("42", 42, "98%", None, "x", True)] == [
        42,
        42,
        98,
        None,
        None,
        None,
    ]
