"""What a search box's text asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.parsing import MAX_CLAUSE, MAX_CLAUSES, MAX_PHRASE_WORDS, parse, without_stop_words
from silvercup.docs.query import Clause, TextQuery


def shown(query: TextQuery) -> dict[str, list[str]]:
    """A query in short: a phrase has its quotes, alternatives a bar between them."""

    def written(clause: Clause) -> str:
        return f'"{clause.text}"' if clause.phrase else clause.text

    parts = {
        "required": ["|".join(written(clause) for clause in group) for group in query.required],
        "optional": [written(clause) for clause in query.optional],
        "excluded": [written(clause) for clause in query.excluded],
    }
    return {name: value for name, value in parts.items() if value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the fat rats", {"optional": ["the", "fat", "rats"]}),
        ('"supernovae stars" -crab', {"required": ['"supernovae stars"'], "excluded": ["crab"]}),
        ('"sad cat" or "fat rat"', {"required": ['"sad cat"|"fat rat"']}),
        ('signal -"segmentation fault"', {"optional": ["signal"], "excluded": ['"segmentation fault"']}),
        ("cats OR dogs", {"optional": ["cats", "dogs"]}),
        ("cats oR dogs or birds fish", {"optional": ["cats", "dogs", "birds", "fish"]}),
        ('cats or "hot dogs" or birds fish', {"required": ['cats|"hot dogs"|birds'], "optional": ["fish"]}),
        ('a "b c" d', {"required": ['"b c"'], "optional": ["a", "d"]}),
        ('a"b c"d', {"required": ['"b c"'], "optional": ["a", "d"]}),
        ('"a b""c d"', {"required": ['"a b"', '"c d"']}),
        ('"word"', {"required": ['"word"']}),
        ('a "b c', {"required": ['"b c"'], "optional": ["a"]}),
        ('a -"b c', {"optional": ["a"], "excluded": ['"b c"']}),
        ('"  b   c\t"', {"required": ['"b c"']}),
        ("full-text e.g. C++ node.js", {"optional": ["full-text", "e.g.", "C++", "node.js"]}),
        ("ice-cream -full-text", {"optional": ["ice-cream"], "excluded": ["full-text"]}),
        ("Ada - a poet", {"optional": ["Ada", "a", "poet"]}),
        ("--help ---x", {"optional": ["help", "x"]}),
        ("a a A", {"optional": ["a", "A"]}),
        ("a -b -b", {"optional": ["a"], "excluded": ["b"]}),
        ("or", {"optional": ["or"]}),
        ("OR OR", {"optional": ["OR"]}),
        ("a or or b", {"optional": ["a", "or", "b"]}),
        ("a or", {"optional": ["a"]}),
        ('"a b" or', {"required": ['"a b"']}),
        ('a or -b "c d"', {"required": ['"c d"'], "optional": ["a"], "excluded": ["b"]}),
        ('-a or "b c"', {"required": ['"b c"'], "excluded": ["a"]}),
        ('x -a or "b c"', {"required": ['"b c"'], "optional": ["x"], "excluded": ["a"]}),
        ("orange or-ange -or", {"optional": ["orange", "or-ange"], "excluded": ["or"]}),
        ('a or "..." b', {"optional": ["a", "b"]}),
        ("a\0b\x1fc", {"optional": ["a", "b", "c"]}),
        ("x\ud800y", {"optional": ["x", "y"]}),
        ("今天天气 caf\u00e9 \U0001f600", {"optional": ["今天天气", "café"]}),
    ],
)
def test_what_is_read(text: str, expected: dict[str, list[str]]):
    assert shown(parse(text, "english")) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "\0", '"', '""', '" "', "-", "--", '-"', '-""', '"-"', "&|!()", "- -", "\ud800", "-" * 99]
)
def test_what_says_nothing(text: str):
    assert parse(text, "german") == TextQuery(language="german")


def test_the_first_clauses_are_read():
    words = [f"w{number}" for number in range(100)]
    assert parse(" ".join(words), "english").optional == tuple(map(Clause, words[:MAX_CLAUSES]))
    query = parse('"a b" or ' + " or ".join(words), "english")
    assert [len(group) for group in query.required] == [MAX_CLAUSES]


def test_a_phrase_is_cut_to_its_first_words():
    words = [f"w{number}" for number in range(40)]
    query = parse('"' + " ".join(words) + '"', "english")
    assert query.required == ((Clause(" ".join(words[:MAX_PHRASE_WORDS]), phrase=True),),)
    query = parse('"' + " ".join(["w" * 60] * 5) + '"', "english")
    assert query.required == ((Clause(" ".join(["w" * 60] * 3), phrase=True),),), "whole words"
    query = parse('"' + "w" * 300 + ' x"', "english")
    assert query.required == ((Clause("w" * MAX_CLAUSE, phrase=True),),)


def test_a_long_word_is_read_in_pieces():
    text = "".join(chr(0x4E00 + number) for number in range(450))
    assert parse(text, "cjk").optional == (Clause(text[:200]), Clause(text[200:400]), Clause(text[400:]))
    assert parse("-" + text, "cjk").excluded == (Clause(text[:200]),)


PIECES = st.sampled_from(['"', "-", " ", "or", "OR", "a", "bc", "\0", "\ud800", "é", ".", "x" * 300, "\u2028"])


@given(st.text() | st.lists(PIECES, max_size=200).map("".join))
def test_every_text_is_a_query_within_bounds(text: str):
    query = parse(text, "english")
    groups = [*query.required, query.optional, query.excluded]
    clauses = [clause for group in groups for clause in group]
    assert len(clauses) <= MAX_CLAUSES
    assert all(query.required)
    assert all(any(clause.phrase for clause in group) for group in query.required)
    assert not any(clause.phrase for clause in query.optional)
    for clause in clauses:
        assert 0 < len(clause.text) <= MAX_CLAUSE
        assert len(clause.text.split()) <= (MAX_PHRASE_WORDS if clause.phrase else 1)
        assert '"' not in clause.text
        assert any(map(str.isalnum, clause.text))
        clause.text.encode()
    for group in groups:
        assert len(set(group)) == len(group) or group in query.required


@pytest.mark.parametrize("piece", ["word ", '"', "-", "or ", '"a b" or ', "x", "\0", '-"'])
def test_a_hundred_thousand_characters(piece: str):
    parse(piece * (100_000 // len(piece)), "english")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("How does the cat purr?", ["cat", "purr?"]),
        ("Wie schnurrt die Katze?", ["schnurrt", "Katze?"]),
        ("how are you", ["how", "are", "you"]),
        ("to be or not", ["to", "be", "not"]),
    ],
)
def test_words_that_say_nothing_are_left_out_where_there_are_others(text: str, kept: list[str]):
    assert [clause.text for clause in without_stop_words(parse(text, "english")).optional] == kept
