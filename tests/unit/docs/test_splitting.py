"""Long texts into chunks."""
# ruff: noqa: RUF001

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silvercup.docs.blocks import sections
from silvercup.docs.sentences import starts
from silvercup.docs.splitting import _Splitter, split


def bare(text: str) -> str:
    return "".join(text.split())


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


def test_a_text_that_fits_stays_as_it_is():
    assert split("  # A\n\nb  \n", max_chars=12, overlap=0) == ["  # A\n\nb  \n"]
    assert split("", max_chars=10, overlap=2) == []
    assert split(" \n\t ", max_chars=10, overlap=2) == []
    assert split(" " * 50, max_chars=10, overlap=2) == []


@pytest.mark.parametrize(("max_chars", "overlap"), [(10, 10), (10, 11), (10, -1), (0, 0)])
def test_an_overlap_must_fit(max_chars: int, overlap: int):
    with pytest.raises(ValueError, match="does not fit"):
        split("text", max_chars=max_chars, overlap=overlap)


def test_sections_stay_whole_and_small_ones_share_a_chunk():
    text = "# One\n\nAlpha.\n\n## Two\n\nBeta.\n\n## Three\n\n" + "Gamma gamma gamma. " * 3
    assert split(text, max_chars=70, overlap=20) == [
        "# One\n\nAlpha.\n\n## Two\n\nBeta.",
        "## Three\n\nGamma gamma gamma. Gamma gamma gamma. Gamma gamma gamma.",
    ]


def test_a_long_section_has_chunks_of_its_own_and_no_overlap_crosses_a_heading():
    text = "# One\n\nSmall.\n\n# Two\n\nFirst sentence. Second sentence.\n\nThird one. Fourth one.\n\n# Three\n\nLast."
    assert split(text, max_chars=45, overlap=20) == [
        "# One\n\nSmall.",
        "# Two\n\nFirst sentence. Second sentence.",
        "Second sentence.\n\nThird one. Fourth one.",
        "# Three\n\nLast.",
    ]


def test_headings_stay_with_what_they_head():
    text = "# Title\n\n## Part\n\n" + "A sentence of some words. " * 6
    chunks = split(text, max_chars=60, overlap=26)
    assert chunks[0] == "# Title\n\n## Part\n\nA sentence of some words."
    assert all(chunk.startswith("A sentence") for chunk in chunks[1:])
    assert (
        split("## A heading\n\n" + words(20), max_chars=40, overlap=10)[0] == "## A heading\n\nword0 word1 word2 word3"
    )


@pytest.mark.parametrize("heading", ["# H", "   ###### H", "H\n===", "#\tH", "#"])
def test_what_a_heading_is(heading: str):
    assert len(sections(f"before\n\n{heading}\nafter")) == 2


@pytest.mark.parametrize(
    "line", ["#hash", "    # code", "####### seven", "two\nlines\n===", "a == b", "```\n# x\n```", "~~~~\n# x\n~~~"]
)
def test_what_no_heading_is(line: str):
    assert len(sections(f"before\n\n{line}\nafter")) == 1


def test_code_is_not_divided_when_it_fits():
    code = "```python\n" + "x = 1. + 2.\n\n# no heading\n" * 3 + "```"
    text = f"Intro sentence here. And another one.\n{code}\nOutro sentence here. The end is near."
    chunks = split(text, max_chars=len(code), overlap=30)
    assert code in chunks
    assert chunks[-1] == "Outro sentence here. The end is near."


def test_no_overlap_begins_inside_code():
    code = "```\n" + "".join(f"Call. it({n}). Then\n" for n in range(12)) + "```"
    chunks = split(f"{code}\n\nText after it. More text after it.", max_chars=90, overlap=40)
    assert [bare(chunk) for chunk in chunks if "it(" in chunk] == [bare(chunk) for chunk in chunks][: len(chunks) - 1]
    assert bare("".join(chunks)) == bare(f"{code}\n\nText after it. More text after it.")
    assert all(not chunk.startswith("it(") for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He met Dr. Smith at 3.14 p.m. in St. Ives. She left.", ["He met Dr. Smith at 3.14 p.m. in St. Ives.", "She left."]),
        ("Use e.g. Python, i.e. J. Doe's. Yes!", ["Use e.g. Python, i.e. J. Doe's.", "Yes!"]),
        ("Am 3. Mai kam er z.B. Montag. Gut so.", ["Am 3. Mai kam er z.B. Montag.", "Gut so."]),
        ("Wait... what? \"Go!\" He went.", ["Wait... what?", "\"Go!\"", "He went."]),
        ("これは文です。次の文！「本当？」はい。", ["これは文です。", "次の文！", "「本当？」", "はい。"]),
        ("- one thing\n- two things\n12. three", ["- one thing", "- two things", "12. three"]),
        ("هل هذا سؤال؟ نعم", ["هل هذا سؤال؟", "نعم"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]):
    edges = pairwise([0, *starts(text, 0, len(text)), len(text)])
    assert [text[begin:end].strip() for begin, end in edges] == expected


def test_long_sentences_are_divided_between_words_and_long_words_anywhere():
    chunks = split(words(50), max_chars=30, overlap=0)
    assert " ".join(chunks) == words(50)
    assert split("x" * 25, max_chars=10, overlap=0) == ["x" * 10, "x" * 10, "x" * 5]


@pytest.mark.parametrize("unit", ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "\ud83d\ude00", "🇩🇪", "ก\u0e35\u0e49", "நி"])
def test_what_a_reader_sees_as_one_character_stays_together(unit: str):
    for room in range(len(unit) + 1, 3 * len(unit)):
        chunks = split(f"x{unit}" * 10, max_chars=room, overlap=0)
        assert "".join(chunks) == f"x{unit}" * 10
        assert all(not chunk or chunk[0] in {"x", unit[0]} for chunk in chunks)


def test_overlaps_are_whole_sentences_of_the_chunk_before():
    text = " ".join(f"This is sentence number {n} of the text." for n in range(100, 160))
    chunks = split(text, max_chars=200, overlap=90)
    assert len(chunks) > 10
    for before, after in pairwise(chunks):
        shared = next(size for size in range(len(after), -1, -1) if before.endswith(after[:size]))
        assert 40 <= shared <= 90
        assert after.startswith("This is")


MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from([
            "# ", "## ", "\n", "\n\n", " ", "```", "```py\n", "~~~\n", ". ", "! ", "。", "？", "- ", "1. ", "| ", "===\n", "e.g. ",
            "3.14", "\r\n", "\u200d", "\u0301", "\ud83d", "\ude00", "👩", "🇩", "\x1c", "\xa0",
        ]),
        st.text(max_size=12),
        st.text(alphabet="abcXYZ ", max_size=40),
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(text=MARKDOWN, max_chars=st.integers(1, 80), part=st.floats(0, 0.99))
@example(text="# A\n# B\n\n" + "c" * 50, max_chars=10, part=0.5)
@example(text="a. B. C. " * 20, max_chars=10, part=0.9)
def test_nothing_is_lost(text: str, max_chars: int, part: float):
    overlap = int(max_chars * part)
    chunks = split(text, max_chars=max_chars, overlap=overlap)
    assert chunks == split(text, max_chars=max_chars, overlap=overlap)
    assert all(chunk.strip() for chunk in chunks)
    assert all(len(chunk) <= max_chars for chunk in chunks)
    assert bare("".join(split(text, max_chars=max_chars, overlap=0))) == bare(text)


@given(text=MARKDOWN, max_chars=st.integers(1, 80), part=st.floats(0, 0.99))
@example(text="a. B. C. " * 20, max_chars=10, part=0.9)
def test_chunks_follow_each_other_and_share_no_more_than_the_overlap(text: str, max_chars: int, part: float):
    overlap = int(max_chars * part)
    reached = begun = 0
    for begin, end in _Splitter(text, max_chars, overlap).chunks():
        assert text[begin:end] == text[begin:end].strip()
        assert end > reached
        assert begin > begun or begun == 0
        assert begin >= reached - overlap
        assert not text[reached:begin].strip()
        reached, begun = end, begin
    assert not text[reached:].strip()


HOSTILE = {
    "dots": "." * 500_000,
    "dots and spaces": ". " * 250_000,
    "newlines": "a" + "\n" * 500_000 + "b",
    "spaces": ("a." + " " * 1000) * 500,
    "lines of spaces": ("a\n" + " " * 20) * 22_000,
    "headings": "# \n" * 150_000,
    "open fences": "```a\n" * 100_000,
    "fences": "```\n" * 125_000,
    "quotes": "." + "\"'" * 250_000,
    "accents": "\u0301" * 500_000,
    "one word": "x" * 500_000,
    "words": "word " * 100_000,
    "cjk": "文字。" * 160_000,
    "list": "- a\n" * 125_000,
    "underlines": "a\n=\n" * 125_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_in_proportion_to_length(name: str):
    begun = time.process_time()
    for max_chars, overlap in ((2_000, 200), (250_000, 125_000)):
        split(HOSTILE[name], max_chars=max_chars, overlap=overlap)
    assert time.process_time() - begun < 10
