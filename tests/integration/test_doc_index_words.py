# ruff: noqa: RUF001 (letters that look like others are what some of these tests are about)
"""What ``silvercup.docs.index`` says of searching by words, for all adapters.

A change may take a second to be seen, so many cases share an index, each in a scope of its own where that matters.
"""

from __future__ import annotations

import pytest

from silvercup.docs.index import Chunk, DocIndex, Scope
from silvercup.docs.query import Clause, TextQuery
from tests.support.doc_indexes import HERE, TENANT, chunk, index, indexes, matched, must, name, put, words

__all__ = ["index", "indexes", "name"]


INFLECTIONS = [
    ("english", "They were running with the invoices", "run invoice"),
    ("english", "The Candles of Mars", "CANDLE"),
    ("german", "Die alten Häuser am Fluß", "Haus"),
    ("german", "Die alten Häuser am Fluß", "hauser"),
    ("german", "Die alten Häuser am Fluß", "fluss"),
    ("french", "Les éléphants traversent la rivière", "elephant"),
    ("french", "Les éléphants traversent la rivière", "Éléphant"),
    ("spanish", "Cantan canciones", "CANCIONES"),
    ("russian", "Новые книги стоят на полке", "книга"),
    ("cjk", "東京の天気はとても良い", "天気"),
    ("cjk", "我们喜欢喝绿茶", "绿茶"),
    ("cjk", "我们喜欢喝绿茶", "茶"),
    ("cjk", "우리는 서울에서 만났다", "서울"),
    ("standard", "Chào buổi sáng", "buoi"),
    ("standard", "Chào buổi sáng", "SÁNG"),
]
"""A text's language, the text, and a query in its language."""
AS_WRITTEN = [
    ("german", "Die alten Häuser", "häuser", "english"),
    ("english", "The running invoices", "invoices", "german"),
    ("russian", "Новые книги", "КНИГИ", "english"),
    ("cjk", "東京の天気はとても良い", "天気", "english"),
    ("english", "Meet me at 東京 station", "東京", "english"),
    ("english", "Meet me at 東京 station", "station", "cjk"),
    ("cjk", "新しい iPhone の使い方", "iphone", "english"),
    ("standard", "Chào buổi sáng", "sáng", "english"),
    ("english", "The running invoices", "invoices", "standard"),
]
"""A text's language, the text, a query, and the query's language."""


def test_words_are_found_in_their_inflections(index: DocIndex, subtests: pytest.Subtests):
    put(index, *in_scopes_of_their_own([(language, text) for language, text, _ in INFLECTIONS]))
    for number, (language, text, query) in enumerate(INFLECTIONS):
        with subtests.test(text, query=query):
            assert matched(index, words(query, language), scope_of(number)) == [f"d{number}"]
            assert matched(index, must(*query.split(), language=language), scope_of(number)) == [f"d{number}"]


def test_words_find_chunks_of_other_languages_as_they_are_written(index: DocIndex, subtests: pytest.Subtests):
    put(index, *in_scopes_of_their_own([(language, text) for language, text, *_ in AS_WRITTEN]))
    for number, (_, text, query, asked_in) in enumerate(AS_WRITTEN):
        with subtests.test(text, query=query):
            assert matched(index, words(query, asked_in), scope_of(number)) == [f"d{number}"]


def in_scopes_of_their_own(texts: list[tuple[str, str]]) -> list[Chunk]:
    """A chunk of each text, and another beside it."""
    return [
        made
        for number, (language, text) in enumerate(texts)
        for made in (
            chunk(f"d{number}", text, language=language, owner=f"user#{number}"),
            chunk(f"other{number}", "Nothing of that", owner=f"user#{number}"),
        )
    ]


def scope_of(number: int) -> Scope:
    return Scope(TENANT, [f"user#{number}"])


def test_one_word_in_several_encodings_is_one_word(index: DocIndex, subtests: pytest.Subtests):
    texts = ["Le Café", "le cafe\u0301", "LE CAFE\u0301", "le ｃａｆé"]
    put(index, *(chunk(f"d{number}", text, language="standard") for number, text in enumerate(texts)))
    for query in ("café", "cafe\u0301", "CAFÉ", "cafe", "ｃａｆｅ"):
        with subtests.test(query):
            assert sorted(matched(index, words(query, "standard"))) == ["d0", "d1", "d2", "d3"]


def test_phrases_groups_and_exclusions(index: DocIndex, subtests: pytest.Subtests):
    put(
        index,
        chunk("d1", "The quick brown fox jumps over the lazy dog"),
        chunk("d2", "A fox both brown, quick and not", title="Lazy"),
        chunk("d3", "Quick foxes"),
        chunk("d4", "This is the state of the art"),
    )
    for query, expected in (
        (must("quick brown"), ["d1"]),
        (must("brown quick"), ["d2"]),
        (must("quick foxes"), ["d3"]),
        (must("quick fox"), ["d3"]),
        (must("the state of the art"), ["d4"]),
        (must("state the art"), []),
        (must("quick", "brown"), ["d1", "d2"]),
        (must("brown quick|art"), ["d2", "d4"]),
        (must("quick|art", "fox|state"), ["d1", "d2", "d3", "d4"]),
        (must("quick", "nowhere"), []),
        (must("quick|nowhere"), ["d1", "d2", "d3"]),
        (must("quick", without=["brown"]), ["d3"]),
        (must("quick", without=["brown quick"]), ["d1", "d3"]),
        (must("fox", without=["quick", "art"]), []),
        (must("fox", without=["nowhere"]), ["d1", "d2", "d3"]),
        (must("lazy"), ["d1", "d2"]),
        (TextQuery(required=((Clause("quick"),),), optional=(Clause("nowhere"),)), ["d1", "d2", "d3"]),
        (TextQuery(optional=(Clause("brown"), Clause("nowhere")), excluded=(Clause("lazy"),)), []),
        (TextQuery(optional=(Clause("quick brown", phrase=True), Clause("art"))), ["d1", "d4"]),
    ):
        with subtests.test(repr(query)):
            assert sorted(matched(index, query)) == expected


def test_a_phrase_does_not_reach_from_the_title_into_the_text(index: DocIndex):
    put(index, chunk("d1", "brown fox", title="quick"), chunk("d2", "fox", title="A quick brown"))
    assert matched(index, must("quick brown")) == ["d2"]


def test_a_run_without_spaces_is_found_as_it_stands(index: DocIndex):
    put(
        index,
        chunk("d1", "東京の天気はとても良い", language="cjk"),
        chunk("d2", "天気の東京はとても良い", language="cjk"),
    )
    assert matched(index, must("東京の天気", language="cjk")) == ["d1"]
    assert matched(index, must("東京の天気")) == ["d1"]


def test_what_holds_more_words_and_rarer_ones_comes_first(index: DocIndex):
    put(
        index,
        chunk("one", "amber and some more words here"),
        chunk("other", "amber and other more words here"),
        chunk("rare", "willow and some more words here"),
        chunk("two", "amber comet and more words here"),
        chunk("all", "amber comet willow and words here"),
        chunk("none", "nothing of what is asked for here"),
    )
    found = matched(index, words("amber comet willow"))
    assert found[0] == "all"
    assert set(found) == {"one", "other", "rare", "two", "all"}
    assert found.index("two") < found.index("one")
    assert found.index("rare") < found.index("one")
    scores = [hit.score for hit in index.matching(HERE, words("amber comet willow"), limit=10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] >= 0


def test_the_optional_words_order_what_the_required_ones_find(index: DocIndex):
    put(index, chunk("d1", "amber lantern"), chunk("d2", "amber comet"), chunk("d3", "comet lantern"))
    query = TextQuery(required=((Clause("amber"),),), optional=(Clause("comet"),))
    assert matched(index, query) == ["d2", "d1"]


def test_the_title_counts_more_than_the_text(index: DocIndex):
    put(
        index,
        chunk("text", "a lantern of the sea", title="one tale"),
        chunk("title", "one tale of the sea", title="a lantern"),
    )
    assert matched(index, words("lantern")) == ["title", "text"]
    assert matched(index, must("lantern")) == ["title", "text"]


def test_a_word_of_every_chunk_still_finds_them(index: DocIndex):
    put(index, *(chunk(f"d{n}", "lantern") for n in range(3)))
    assert sorted(matched(index, words("lantern"))) == ["d0", "d1", "d2"]


def test_frequent_words_find_what_holds_them_when_nothing_else_is_asked(index: DocIndex):
    put(index, chunk("d1", "To be or not to be"), chunk("d2", "A lantern"))
    assert matched(index, must("to be or not to be")) == ["d1"]
    assert matched(index, must("not")) == ["d1"]


def test_words_with_typing_errors_are_found_where_that_is_wanted(index: DocIndex, subtests: pytest.Subtests):
    put(index, chunk("d1", "An invoice beside a lantern", language="standard"), chunk("d2", "Nothing of that"))
    for typed, found in (("invioce", ["d1"]), ("invoce", ["d1"]), ("lentern", ["d1"]), ("xnvxicx", [])):
        with subtests.test(typed):
            assert matched(index, words(typed, "standard")) == []
            assert matched(index, words(typed, "standard"), fuzzy=True) == found
            assert matched(index, must(typed, language="standard"), fuzzy=True) == found


def test_a_word_as_it_is_comes_before_one_that_differs(index: DocIndex):
    put(index, chunk("d1", "the lantern here"), chunk("d2", "the lentern here"))
    assert matched(index, words("lantern"), fuzzy=True) == ["d1", "d2"]
    assert matched(index, must("the lantern"), fuzzy=True) == ["d1"]
    assert matched(index, must("here", without=["lantern"]), fuzzy=True) == ["d2"]


def test_a_query_that_says_nothing_finds_nothing(index: DocIndex, subtests: pytest.Subtests):
    put(index, chunk("d1", "lantern 🏮"))
    for blank in ("", " ", "!?", "...", "🏮", "\x00", "--", '""'):
        with subtests.test(blank):
            assert matched(index, TextQuery(optional=(Clause(blank),))) == []
            assert matched(index, TextQuery(required=((Clause(blank),),))) == []
            assert matched(index, TextQuery(optional=(Clause(blank),)), fuzzy=True) == []


def test_a_query_of_nothing_or_of_exclusions_alone_finds_nothing(index: DocIndex):
    put(index, chunk("d1", "lantern"))
    assert matched(index, TextQuery()) == []
    assert matched(index, must(without=["candle"])) == []


HOSTILE = {
    "quotes": '"lantern" \'lantern\' "lantern',
    "operators": "lantern AND OR NOT lantern",
    "near": "NEAR(lantern candle, 5)",
    "wildcards": "lantern* lan?ern *",
    "columns": "title:lantern {title text}:lantern",
    "caret": "^lantern ^2 lantern~2",
    "parentheses": ") lantern ((",
    "backslashes": '\\lantern\\ \\" \\u0000',
    "null": "lantern\x00candle lantern",
    "control": "lantern\r\n\t\x07\x1b[31m lantern",
    "emoji": "lantern 🏮👩‍👩‍👧",
    "surrogate": "lantern \ud83c",
    "right to left": "lantern \u202e\u200f فانوس",
    "sql": "lantern'; DROP TABLE chunks; --",
    "json": '{"query": {"match_all": {}}} lantern',
    "regex": "/lan.*/ lantern",
    "long words": "lantern " + "x" * 100_000,
    "the same word often": "lantern " * 12_500,
    "many words": "lantern " + " ".join(f"word{number}" for number in range(10_000)),
    "many characters": "lantern " + "茶" * 30_000,
    "marks": "lantern " + "e" + "\u0301" * 5000,
}


def test_no_text_of_a_query_is_an_error(index: DocIndex, subtests: pytest.Subtests):
    put(index, chunk("d1", "A lantern and a candle", title="title"), chunk("d2", "nothing of that", title="text"))
    for kind, text in HOSTILE.items():
        one, phrase = Clause(text), Clause(text, phrase=True)
        parts = tuple(Clause(word) for word in text.split())
        for fuzzy in (False, True):
            with subtests.test(kind, fuzzy=fuzzy):
                for query in (
                    TextQuery(optional=(one,)),
                    TextQuery(optional=(phrase,)),
                    TextQuery(required=((one, phrase), (phrase,))),
                    TextQuery(required=((Clause("nothing"),),), excluded=(one, phrase)),
                    TextQuery(required=tuple((part,) for part in parts)),
                    TextQuery(required=(parts,)),
                ):
                    assert set(matched(index, query, fuzzy=fuzzy)) <= {"d1", "d2"}
                assert "d1" in matched(index, TextQuery(optional=parts), fuzzy=fuzzy)


def test_no_text_of_a_chunk_is_an_error(index: DocIndex, subtests: pytest.Subtests):
    texts = [text for kind, text in HOSTILE.items() if kind != "surrogate"]
    put(index, *(chunk(f"d{n}", text, title=text[:200], owner=f"user#{n}") for n, text in enumerate(texts)))
    for number, text in enumerate(texts):
        with subtests.test(text[:40]):
            (hit,) = index.matching(scope_of(number), words("lantern"), limit=10)
            assert (hit.doc_id, hit.text, hit.title) == (f"d{number}", text, text[:200])
