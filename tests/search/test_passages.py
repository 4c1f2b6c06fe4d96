"""Passages: the stretch that shows most of what was found, cut at borders, with marks that hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.watches import Hit
from search.passages import passage


def hit(text, printed, start=0, term=None):
    at = text.index(printed, start)
    return Hit("text", at, at + len(printed), printed, term or printed)


def test_a_passage_begins_with_the_sentence_and_marks_what_was_found():
    text = "Long before. " * 30 + "On Monday Fatemiyoun came back to the city. " + "Nothing more. " * 30
    shown = passage(text, [hit(text, "Fatemiyoun")], width=80)
    assert shown.marked("[", "]").startswith("…")
    assert "On Monday [Fatemiyoun] came back" in shown.marked("[", "]")
    assert len(shown.text) <= 82


def test_the_window_with_the_most_different_terms_wins():
    text = "ant ant ant " + "x " * 100 + "ant and bee " + "x " * 100
    hits = [hit(text, "ant"), hit(text, "ant", 4), hit(text, "ant", 8), hit(text, "ant", 50), hit(text, "bee")]
    assert "[ant] and [bee]" in passage(text, hits, width=60).marked("[", "]")


def test_lines_become_blanks_and_overlapping_marks_one():
    text = "a b\nc d"
    hits = [Hit("text", 0, 3, "a b", "a b"), Hit("text", 2, 5, "b\nc", "b c"), Hit("title", 6, 7, "d", "d")]
    assert passage(text, hits).marked("[", "]") == "[a b c] d"


def test_without_hits_it_is_the_beginning_and_a_long_hit_is_never_cut():
    assert passage("one two three", [], width=8).text == "one two…"
    assert passage("", []).text == ""
    text = "x " * 50 + "y" * 90 + " z" * 50
    assert f"[{'y' * 90}]" in passage(text, [hit(text, "y" * 90)], width=20).marked("[", "]")


@settings(deadline=None)
@given(st.text("ab. \n中", max_size=120), st.data())
def test_marks_hold_whatever_the_text(text, data):
    places = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, 12)), max_size=5))
    hits = [Hit("text", a, min(len(text), a + n), text[a : a + n], str(a % 3)) for a, n in places if a < len(text) and n]
    shown = passage(text, hits, width=data.draw(st.integers(5, 60)))
    assert "".join(piece for piece, _ in shown.pieces()) == shown.text
    assert "\n" not in shown.text
    assert list(shown.marks) == sorted(shown.marks)
    assert bool(shown.marks) == bool(hits)
    body = text.replace("\n", " ")
    for start, end in shown.marks:
        assert shown.text[start:end] in body
        assert 0 <= start < end <= len(shown.text)
