"""Texts as tokens, queries as what they look for, and words that are like others."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.adapters.sqlite_index.analysis import LONGEST_WORD, TAG, Token, fold, forms_of, tokens_of
from silvercup.adapters.sqlite_index.stopwords import STOP_WORDS
from silvercup.adapters.sqlite_index.vocabulary import Vocabulary, distances, edits_of, learn
from silvercup.adapters.sqlite_index.wanted import MOST_WORDS, plan_of
from silvercup.docs.languages import ANALYZERS, STANDARD
from silvercup.docs.query import Clause, TextQuery


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The QUICK fox's e-mail_address: a@b.example", "the quick fox s e mail address a b example"),
        ("Über Straßen, Æther, Øre, Łódź", "uber strassen aether ore lodz"),
        ("naïve nai\u0308ve ｎａïｖｅ", "naive naive naive"),
        ("ﬁsh Ⅳ ½", "fish iv 1 2"),
        ("Όμηρος ΣΊΣΥΦΟΣ", "ομηροσ σισυφοσ"),
        ("Ёлка", "елка"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("हिन्दी में", "हिन्दी में"),
        ("東京都", "東京 京都 都"),
        ("猫", "猫"),
        ("iPhoneの使い方2", "iphone の使 使い い方 方 2"),
        ("がぎ", "がぎ ぎ"),
        ("서울에서", "서울 울에 에서 서"),
        ("ภาษา", "ภา าษ ษา า"),
        ("🏮 -- \x00 \ud83c", ""),
    ],
)
def test_a_text_is_its_words_as_they_are_written(text: str, plain: str):
    forms = forms_of(text, STANDARD)
    assert forms.plain == plain.split()
    assert forms.stems == []


def test_a_language_gives_a_stem_for_every_word_at_the_same_place():
    forms = forms_of("The running foxes of 東京都", "english")
    assert forms.plain == ["the", "running", "foxes", "of", "東京", "京都", "都"]
    assert forms.stems == [f"eng{TAG}{stem}" for stem in ("the", "run", "fox", "of", "東京", "京都", "都")]
    assert forms.content == " ".join(forms.plain + forms.stems)


def test_accents_are_kept_until_the_stem_is_found():
    assert forms_of("élevées", "french").stems == [f"fre{TAG}elev"]
    assert forms_of("новый", "russian").stems == forms_of("новые", "russian").stems


@pytest.mark.parametrize("language", sorted(ANALYZERS))
def test_every_analysis_works_and_has_a_tag_of_its_own(language: str):
    stems = forms_of("word", language).stems
    assert len(stems) == (0 if language in {STANDARD, "cjk"} else 1)
    assert len({one[:3] for one in ANALYZERS}) == len(ANALYZERS)


def test_a_long_word_is_taken_for_several():
    assert [len(word) for word in forms_of("x" * (2 * LONGEST_WORD + 1), STANDARD).plain] == [
        LONGEST_WORD,
        LONGEST_WORD,
        1,
    ]


@given(st.text(), st.sampled_from(["english", "cjk", STANDARD]))
def test_tokens_hold_nothing_that_sqlite_reads_as_syntax(text: str, language: str):
    with closing(sqlite3.connect(":memory:")) as connection:
        held_by_sqlite(connection, text, language)


def held_by_sqlite(connection: sqlite3.Connection, text: str, language: str):
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'ascii')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, row)")
    forms = forms_of(text, language)
    connection.execute("INSERT INTO t VALUES (?)", (forms.content,))
    assert {term for (term,) in connection.execute("SELECT term FROM v")} == {*forms.plain, *forms.stems}
    for token in tokens_of(text, language):
        found = connection.execute("SELECT count(*) FROM t WHERE t MATCH ?", (f'"{token.plain}"',)).fetchone()
        assert found == (1,) or token.open


@given(st.text(), st.sampled_from(sorted(ANALYZERS)))
def test_a_text_holds_the_tokens_of_itself_as_a_query(text: str, language: str):
    forms = forms_of(text, language)
    for token in tokens_of(text, language):
        if token.open:
            assert any(word.startswith(token.plain) for word in forms.plain)
        else:
            assert token.plain in forms.plain
            assert token.stem is None or token.stem in forms.stems


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(word: str):
    assert fold(fold(word.lower()).lower()) == fold(fold(fold(word.lower()).lower()).lower())


def test_stems_are_the_same_in_all_threads():
    words = [f"{stem}{end}" for stem in ("connect", "relat", "hop", "sens") for end in ("ing", "ed", "ional", "s")] * 50
    expected = [forms_of(word, "danish").stems for word in words]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda word: forms_of(word, "danish").stems, words)) == expected


def test_stop_words_are_of_languages_that_are_analysed():
    assert STOP_WORDS.keys() <= ANALYZERS


def test_a_query_becomes_tokens():
    plan = plan_of(
        TextQuery(
            required=(
                (Clause("e-mail"), Clause("the phrase", phrase=True)),
                (Clause("!"),),
                (Clause("?"), Clause("x")),
            ),
            optional=(Clause("wi-fi"), Clause("the"), Clause("Wi")),
            excluded=(Clause("..."), Clause("of")),
            language=STANDARD,
        )
    )
    e, mail, the, phrase = (Token(word, None) for word in ("e", "mail", "the", "phrase"))
    assert plan.required == (((e, mail), (the, phrase)), ((Token("x", None),),))
    assert plan.optional == ((Token("wi", None),), (Token("fi", None),), (the,))
    assert plan.excluded == ((Token("of", None),),)


def test_stop_words_count_only_where_nothing_else_is_asked():
    def optional(text: str, required: tuple[tuple[Clause, ...], ...] = ()) -> list[str]:
        clauses = tuple(Clause(word) for word in text.split())
        return [wanted[0].plain for wanted in plan_of(TextQuery(required=required, optional=clauses)).optional]

    assert optional("what is the status") == ["status"]
    assert optional("to be or not") == ["to", "be", "or", "not"]
    assert optional("to be", required=((Clause("x"),),)) == []
    assert plan_of(TextQuery(required=((Clause("the"),),))).required != ()


def test_only_so_much_of_a_query_counts():
    many = tuple(Clause(f"word{number}") for number in range(2000))
    plan = plan_of(TextQuery(required=tuple((one,) for one in many), optional=many, excluded=many))
    assert [len(part) for part in (plan.required, plan.optional, plan.excluded)] == [MOST_WORDS] * 3
    long = plan_of(TextQuery(optional=(Clause("a b " * 5000, phrase=True),)))
    assert len(long.optional[0]) == MOST_WORDS


@pytest.mark.parametrize(
    ("word", "edits"),
    [("ab", 0), ("abc", 1), ("abcde", 1), ("abcdef", 2), ("2024", 0), ("a1b2c3", 0), ("東京", 0), ("x" * 41, 0)],
)
def test_longer_words_may_differ_more(word: str, edits: int):
    assert edits_of(word) == edits


@given(st.text("abc", min_size=1, max_size=7), st.lists(st.text("abc", min_size=1, max_size=7), min_size=1, max_size=5))
def test_distances_are_those_of_the_definition(word: str, others: list[str]):
    assert distances(word, others).tolist() == [by_definition(word, other) for other in others]


def by_definition(one: str, other: str) -> int:
    """Damerau's distance in its restricted form, cell by cell."""
    table = {(row, 0): row for row in range(len(one) + 1)} | {(0, column): column for column in range(len(other) + 1)}
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            table[row, column] = min(
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (one[row - 1] != other[column - 1]),
            )
            if one[row - 2 : row] == other[column - 2 : column][::-1] and min(row, column) > 1:
                table[row, column] = min(table[row, column], table[row - 2, column - 2] + 1)
    return table[len(one), len(other)]


def test_a_vocabulary_gives_the_words_that_are_like_another():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE vocabulary (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE)")
    vocabulary = Vocabulary()
    assert vocabulary.like(connection, "lantern") == {}
    learn(connection, ["lantern", "lentern", "lantren", "lanterns", "lint", "ab", "東京", "2024", "candle"])
    assert vocabulary.like(connection, "lantern") == {1 - 1 / 7: ["lanterns", "lantren", "lentern"]}
    assert vocabulary.like(connection, "lantern") == vocabulary.like(connection, "lantern")
    learn(connection, ["lantern", "lint", "lintern", "lunturn"])
    assert vocabulary.like(connection, "lantern") == {
        1 - 1 / 7: ["lanterns", "lantren", "lentern", "lintern"],
        1 - 2 / 7: ["lunturn"],
    }
    assert vocabulary.like(connection, "2025") == {}
    connection.close()
