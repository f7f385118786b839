"""v1's trigram score, against values of PostgreSQL's pg_trgm and values counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.trigrams import MAX_TEXT, closeness, edits, similarity, trigram_similarity, trigrams


def alike(a: str, b: str) -> float:
    return trigram_similarity(trigrams(a), trigrams(b))


def test_the_trigrams_of_the_manual():
    assert trigrams("cat") == {"  c", " ca", "cat", "at "}
    assert trigrams("foo|bar") == {"  f", " fo", "foo", "oo ", "  b", " ba", "bar", "ar "}
    assert trigrams("a") == {"  a", " a "}
    assert trigrams("Foo_BAR foo") == trigrams("foo bar")
    assert trigrams("İ") == {"  i", " i "}
    assert trigrams("?! ") == set()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("word", "two words", 4 / 11),
        ("cat", "cat", 1),
        ("cat", "CAT!", 1),
        ("cat", "car", 2 / 6),
        ("hello", "hallo", 3 / 9),
        ("", "", 0),
        ("", "cat", 0),
        ("...", "cat", 0),
    ],
)
def test_the_similarity_of_pg_trgm(a: str, b: str, expected: float):
    assert alike(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "most", "expected"),
    [
        ("", "", 3, 0),
        ("kitten", "sitting", 3, 3),
        ("kitten", "sitting", 2, None),
        ("", "abc", 3, 3),
        ("", "abcd", 3, None),
        ("abcdef", "ghijkl", 3, None),
        ("flaw", "lawn", 3, 2),
        ("Cat", "cat", 3, 1),
    ],
)
def test_edits(a: str, b: str, most: int, expected: int | None):
    assert edits(a, b, most) == expected
    assert edits(b, a, most) == expected


def test_a_short_query_and_title():
    """E: "cat" and "car" share 2 of 6 trigrams and are 1 edit apart. W: the same two words. Weight: under 10 characters."""
    enhanced = 0.7 * 2 / 6 + 0.3 * (1 - 1 / 5)
    assert similarity("car", "cat", "nothing like it at all") == pytest.approx(0.6 * enhanced + 0.4 * 2 / 6)


def test_weights_follow_the_length_of_the_query():
    """The text is the query: E is 1, W is 1; a word of the text that the query does not have halves W and takes from E."""
    for query in ("word", "word " * 2 + "word", "word " * 6):
        assert similarity(query, query, "") == pytest.approx(1)
    padding = " " * 60
    for query, weight in [
        ("cat" + " " * 6, 0.4),
        ("cat" + " " * 7, 0.3),
        ("cat" + " " * 16, 0.3),
        ("cat" + " " * 17, 0.2),
    ]:
        expected = (1 - weight) * 4 / 8 + weight * 1 / 2
        assert similarity(query, f"cat dog{padding}", "") == pytest.approx(expected)


def test_strings_that_are_far_apart_or_long_have_no_edits():
    assert similarity("abcdefgh", "ijklmnop", "") == 0
    long = "x" * 47 + " cat"
    assert similarity(long, long, "") == pytest.approx(1)
    assert similarity("y" * 51, "y" * 50 + "z", "") == pytest.approx(3 / 6), "though they are 1 edit apart"


def test_words_of_the_text_count_as_often_as_they_are_there():
    """W of a content: "cat" 3 times, "dog" once, "at" not at all as it is too short; E: 4 of the 10 trigrams of cat, dog and at."""
    content = "cat cat cat dog at" + " " * 50
    assert trigrams("at") - trigrams("cat") == {"  a", " at"}
    assert similarity("cat", "", content) == pytest.approx(0.6 * 4 / 10 + 0.4 * 3 / 4)


def test_the_better_of_title_and_content():
    assert similarity("network", "a network", "x" * 60) == similarity("network", "x" * 60, "a network")


def test_an_empty_query_or_doc():
    assert similarity("", "", "") == pytest.approx(0.6 * 0.3)
    assert similarity("", "some title", "some content") == 0
    assert similarity("a query of words", "", "") == 0


def test_what_is_beyond_the_limits_is_left_out():
    content = "abc " * (MAX_TEXT // 4)
    assert similarity("xyz", "unlike it", content + "xyz") == 0
    many = " ".join(f"w{number}w" for number in range(40))
    assert similarity(many, "", many) < 1


WORDS = st.lists(st.sampled_from(["cat", "cats", "Dog", "a", "é", "x-y", "…", "network"]), max_size=8).map(" ".join)


def plainly(query: str, text: str) -> tuple[float, float]:
    """E and W by their definition."""
    whole = alike(text, query)
    if len(text) <= 50 and len(query) <= 50 and (distance := edits(text, query, 3)) is not None:
        whole = 0.7 * whole + 0.3 * (1 - min(distance / 5, 1))
    ours = [word for word in text.lower().split() if len(word) > 2]
    theirs = [word for word in query.lower().split() if len(word) > 2]
    best = [max((alike(word, other) for other in theirs), default=0) for word in ours]
    return whole, sum(best) / len(best) if best else 0


@given(WORDS, WORDS, WORDS)
def test_it_is_the_definition(query: str, title: str, content: str):
    (title_e, title_w), (content_e, content_w) = plainly(query, title), plainly(query, content)
    weight = 0.4 if len(query) < 10 else 0.3 if len(query) < 20 else 0.2
    expected = (1 - weight) * max(title_e, content_e) + weight * max(title_w, content_w)
    assert similarity(query, title, content) == pytest.approx(expected)


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_it_is_between_0_and_1(query: str, title: str, content: str):
    assert 0 <= similarity(query, title, content) <= 1 + 1e-12


@pytest.mark.parametrize(("typo", "least"), [("elefant", 0.4), ("elephnt", 0.6), ("elephnat", 0.4), ("elephants", 0.6)])
def test_a_typo_is_close_to_its_word_in_a_long_text(typo: str, least: float):
    content = "They walked past the elephant. " + "Nothing of this is like it at all, whatever one reads. " * 200
    assert similarity(typo, "Zoo", content) < 0.1
    assert closeness(typo, "Zoo", content) >= least
    assert closeness("zebra", "Zoo", content) < 0.3


def test_every_word_of_a_query_counts():
    both = closeness("elefant walked", "", "the elephant walked")
    assert closeness("elefant swimming", "", "the elephant walked") < both < 1
    assert closeness("", "", "") == similarity("", "", "")
    assert closeness("ab", "ab cd", "x" * 100) == similarity("ab", "ab cd", "x" * 100)
