"""The retrieval set: every question has one answer that is there, nothing is there twice; and its metrics."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from itertools import combinations

import pytest

from bench.retrieval import LANGUAGES, Corpus, Kind, Question, load, load_cross, ndcg_at, recall_at

KANA = re.compile(r"[\u3041-\u30ff]")
QUESTIONS = {"en": 75, "de": 70, "fr": 70, "es": 70, "ja": 60}
"""How many there are at least."""


def plain(text: str) -> str:
    """Letters and digits only, so that two spellings of one text are equal."""
    return re.sub(r"[\W_]+", " ", text).casefold().strip()


def every_corpus() -> list[Corpus]:
    return [*map(load, LANGUAGES), load_cross()]


def every_question() -> list[Question]:
    return [question for corpus in every_corpus() for question in corpus.questions]


def test_there_are_enough_questions():
    assert sum(len(load(language).questions) for language in LANGUAGES) >= 340
    assert len(load_cross().questions) >= 20
    assert {question.language for question in load_cross().questions} == {"de", "fr", "es", "ja"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_share_and_passages_that_nobody_asks_for(language: str):
    corpus = load(language)
    asked = {question.passage for question in corpus.questions}
    assert corpus.language == language
    assert len(corpus.passages) >= (110 if language == "en" else 75)
    assert len(corpus.questions) >= QUESTIONS[language]
    assert len(asked) >= 60
    assert len(corpus.passages) - len(asked) >= 10
    assert max(Counter(question.passage for question in corpus.questions).values()) <= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_are_about_a_third_each(language: str):
    questions = load(language).questions
    kinds = Counter(question.kind for question in questions)
    assert set(kinds) == {Kind.WORDS, Kind.MIXED, Kind.MEANING}
    assert min(kinds.values()) / len(questions) > 0.25
    assert max(kinds.values()) / len(questions) < 0.4


def test_only_questions_across_languages_are_of_that_kind():
    assert {question.kind for question in load_cross().questions} == {Kind.CROSS}
    for language in LANGUAGES:
        assert {question.language for question in load(language).questions} == {language}


def test_ids_are_unique():
    ids = [question.id for question in every_question()]
    assert len(set(ids)) == len(ids)
    for language in LANGUAGES:
        passages = [passage.id for passage in load(language).passages]
        assert len(set(passages)) == len(passages)


def test_every_answer_exists():
    for corpus in every_corpus():
        assert {question.passage for question in corpus.questions} <= {passage.id for passage in corpus.passages}


def test_passages_have_the_ids_of_the_english_ones():
    english = {passage.id for passage in load("en").passages}
    for language in LANGUAGES:
        assert {passage.id for passage in load(language).passages} <= english


def test_nothing_is_there_twice():
    questions = [plain(question.text) for question in every_question()]
    assert len(set(questions)) == len(questions)
    for language in LANGUAGES:
        passages = load(language).passages
        assert len({plain(passage.title) for passage in passages}) == len(passages)
        assert len({plain(passage.text) for passage in passages}) == len(passages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_passages_are_nearly_the_same(language: str):
    width = 4 if language == "ja" else 24
    parts = {
        passage.id: {passage.text[at : at + width] for at in range(len(passage.text) - width + 1)}
        for passage in load(language).passages
    }
    near = [
        (one, other)
        for one, other in combinations(parts, 2)
        if len(parts[one] & parts[other]) > 0.25 * min(len(parts[one]), len(parts[other]))
    ]
    assert near == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_one_clean_paragraph_of_their_language(language: str):
    shortest = {"en": 300, "ja": 120}.get(language, 250)
    corpus = load(language)
    for passage in corpus.passages:
        assert shortest <= len(passage.text) <= 1_200, passage.id
        assert bool(KANA.search(passage.text)) == (language == "ja"), passage.id
    texts = [passage.title for passage in corpus.passages] + [passage.text for passage in corpus.passages]
    for text in [*texts, *(question.text for question in corpus.questions)]:
        assert text == unicodedata.normalize("NFC", text).strip()
        assert text.isprintable()
        assert "  " not in text
        assert "\N{REPLACEMENT CHARACTER}" not in text


def test_a_language_without_a_corpus_is_refused():
    with pytest.raises(ValueError, match=r"no corpus in 'tlh'; there are: en, de, fr, es, ja"):
        load("tlh")


RANKED = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]


@pytest.mark.parametrize(
    ("relevant", "k", "recall", "ndcg"),
    [
        ("a", 10, 1, 1),
        ("b", 10, 1, 0.6309297535714575),  # 1 / log2(3)
        ("c", 10, 1, 0.5),  # 1 / log2(4)
        ("g", 10, 1, 1 / 3),  # 1 / log2(8)
        ("j", 10, 1, 0.2890648263178879),  # 1 / log2(11)
        ("k", 10, 0, 0),
        ("k", 11, 1, 0.27894294565112987),  # 1 / log2(12)
        ("z", 10, 0, 0),
        ("a", 1, 1, 1),
        ("b", 1, 0, 0),
        ("c", 100, 1, 0.5),
    ],
)
def test_metrics_by_hand(relevant: str, k: int, recall: float, ndcg: float):
    assert recall_at(RANKED, relevant, k) == recall
    assert ndcg_at(RANKED, relevant, k) == pytest.approx(ndcg)


def test_metrics_look_at_ten_unless_told():
    assert (recall_at(RANKED, "j"), recall_at(RANKED, "k")) == (1, 0)
    assert (ndcg_at(RANKED, "j"), ndcg_at(RANKED, "k")) == (pytest.approx(1 / math.log2(11)), 0)


def test_what_is_ranked_twice_counts_where_it_comes_first():
    assert ndcg_at(("a", "b", "a", "b"), "b", 4) == pytest.approx(1 / math.log2(3))


def test_nothing_found_is_nothing_gained():
    assert (recall_at([], "a"), ndcg_at([], "a")) == (0, 0)


@pytest.mark.parametrize("metric", [recall_at, ndcg_at])
def test_a_cut_before_the_first_is_refused(metric):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        metric(RANKED, "a", 0)
