"""Keywords of messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.keywords import MAX_NAME_WORDS, keywords
from silvercup.docs.stopwords import ENGLISH, stop_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John Doe is a software engineer at Google.", ["John Doe", "Google", "software", "engineer"]),
        ("Who are you?", []),
        ("", []),
        ("___ -- 'x' 7", []),
        ("Software is eating the world", ["Software", "eating", "world"]),
        (
            "What did Alice and Bob say about Amazon Web Services in 2024?",
            ["Alice", "Bob", "Amazon Web Services", "2024"],
        ),
        ("Email Ada Lovelace, Bank of America", ["Ada Lovelace", "Bank of America", "Email"]),
        ("the Bank of America's API", ["Bank of America", "API"]),
        ("we saw the Lord of the Rings", ["Lord of the Rings", "saw"]),
        ("ask Dr. Smith or J. R. Hartley", ["Dr Smith", "J R Hartley"]),
        ("AWS and iPhone, B2B or GPT-4 use snake_case", ["AWS", "iPhone", "B2B", "GPT-4", "snake_case"]),
        ("OK, so tell IT about it", ["IT"]),
        ("HELP ME WITH THE PRINTER", ["HELP", "PRINTER"]),
        ("my order 48213 hasn't arrived, don't wait", ["order", "48213", "arrived", "wait"]),
        ("O\u2019Brien\u2019s node.js isn\u2019t e.g. mine", ["O\u2019Brien", "node.js", "e.g"]),
        ("First line\nSecond line", ["line", "First", "Second"]),
        ("printers, printers and a cat or a Cat", ["Cat", "printers"]),
        ("Wo ist die Hauptstadt und wie heißt der Präsident?", ["Hauptstadt", "Präsident", "heißt"]),
        ("Qu'est-ce que l'intelligence de L'Oréal et d'Ada ?", ["L'Oréal", "Ada", "est-ce", "intelligence"]),
        ("¿Dónde está la Biblioteca Nacional de España?", ["Biblioteca Nacional de España"]),
        ("请问北京的天气怎么样\uff1fOpenAIの研究は面白い", ["OpenAI", "请问北京的天气怎么样", "の研究は面白い"]),
        ("हिंदी में किताबें।", ["हिंदी", "में", "किताबें"]),
        ("한국의 수도는", ["한국의", "수도는"]),
    ],
)
def test_what_is_taken(text: str, expected: list[str]):
    assert keywords(text) == expected


def test_what_is_said_more_often_comes_first_and_names_before_all():
    text = "a lamp, a chair, a chair. we like a lamp and a chair of Ada, and Bob, and bob and Bob"
    assert keywords(text) == ["Bob", "Ada", "chair", "lamp"]
    assert keywords(text, limit=3) == ["Bob", "Ada", "chair"]


def test_a_headline_is_several_names():
    words = [f"Word{chr(65 + number)}" for number in range(8)]
    assert keywords("see " + " ".join(words)) == [" ".join(words[:MAX_NAME_WORDS]), " ".join(words[MAX_NAME_WORDS:])]


def test_stop_words_are_those_of_english_and_of_the_texts_language():
    assert stop_words([]) == ENGLISH
    assert "hand" not in stop_words(["die", "hand", "und", "der", "fuß"])
    assert "die" in stop_words(["die", "hand", "und", "der", "fuß"])
    assert "die" not in stop_words(["how", "does", "a", "star", "die"])
    assert {"the", "avec"} <= stop_words(["avec", "les", "mains"])


WORDS = st.sampled_from(
    ["Ada", "ada", "of", "the", "API", "x1", "l'eau", "\u2019s", ".", "\n", "天气", "é", "e\u0301", "_", "-", "Dr"]
)


@given(
    st.text() | st.lists(WORDS, max_size=60).map(" ".join) | st.lists(WORDS, max_size=60).map("".join),
    st.integers(0, 30),
)
def test_keywords_of_any_text(text: str, limit: int):
    found = keywords(text, limit=limit)
    assert len(found) <= limit
    assert len({keyword.casefold() for keyword in found}) == len(found)
    assert all(len(keyword) > 1 and keyword == keyword.strip(" -._'") for keyword in found)
    assert keywords(text, limit=99)[:limit] == found
