"""The bookkeeping of requests on their way, against a board that answers in order and a line that loses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.link.window import Window


def test_an_answer_shows_what_was_lost_before_it():
    window = Window(4)
    for number in (7, 8, 9, 10):
        assert window.free
        window.send(number)
    assert not window.free
    assert window.answered(7) == []
    assert window.answered(9) == [8]
    assert 10 in window and 8 not in window
    assert window.give_up() == [10]
    assert window.empty


def test_a_repeated_request_is_there_twice():
    window = Window(4)
    for number in (7, 8, 7):
        window.send(number)
    assert window.answered(7) == []
    assert 7 in window
    assert window.answered(7) == [8]


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 8))
def test_every_transmission_leaves_once_as_answered_or_as_lost(arrive, size):
    window, left = Window(size), []
    sent = []
    for number, arrives in enumerate(arrive):
        if not window.free:
            left += window.give_up()
        window.send(number)
        sent.append(number)
        if arrives:
            left += [*window.answered(number), number]
    assert left + window.give_up() == sent


def test_the_last_one_sent():
    window = Window(3)
    assert window.last is None
    window.send(7)
    window.send(9)
    assert window.last == 9
    window.answered(9)
    assert window.last is None
