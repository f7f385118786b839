"""PDF files into titles and texts."""

from __future__ import annotations

import io
import itertools
import random
import time
import zlib
from contextlib import suppress

import pypdf
import pytest

from silvercup.docs.extraction import Extracted, extract
from silvercup.errors import InvalidRequest
from tests.support.pdfs import bomb, pdf


def encrypted(password: str, algorithm: str = "AES-256") -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("A secret")))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "named", [{}, {"name": "a.pdf"}, {"mime_type": "application/pdf"}, {"mime_type": "text/plain"}]
)
def test_pages_and_title(named: dict[str, str]):
    data = pdf("Gr\xfc\xdfe (an alle)", "", "The end", title="The  title")
    found = extract(data, **named)  # pyright: ignore[reportArgumentType]
    assert found == Extracted("The title", "Grüße (an alle)\n\nThe end")


def test_without_a_title_it_has_its_files_name():
    assert extract(pdf("x"), name="docs/report.v2.pdf").title == "report.v2"


def test_bytes_before_the_header():
    assert extract(b"junk\n" + pdf("Text"), name="a.pdf").text == "Text"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_password(algorithm: str):
    with pytest.raises(InvalidRequest, match="encrypted; send it without a password"):
        extract(encrypted("secret", algorithm))
    assert extract(encrypted("", algorithm)).text == "A secret"


def test_scans_have_no_text():
    with pytest.raises(InvalidRequest, match=r"no text: its pages are images.*OCR"):
        extract(pdf("", " "))


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4", b"%PDF-1.4\n%%EOF", pdf("Text")[:200], b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R >>\nendobj\ntrailer << /Root 1 0 R >>",
        pdf("Text").replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"), pdf("Text").replace(b"/Pages 2 0 R", b"/Pages 9 0 R"),
    ],
)  # fmt: skip
def test_broken_files(data: bytes):
    with pytest.raises(InvalidRequest, match="PDF"):
        extract(data)


def test_a_file_that_only_says_it_is_one():
    with pytest.raises(InvalidRequest, match="no header"):
        extract(b"not a PDF", mime_type="application/pdf")


def test_damaged_files_are_read_or_refused():
    good = pdf("First page", "Second page", title="T")
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(9, len(data))] = chance.randrange(256)
        with suppress(InvalidRequest):
            extract(bytes(data))


def test_too_many_pages():
    assert len(extract(pdf("x", count=2_000)).text) == 2_000 + 2 * 1_999
    with pytest.raises(InvalidRequest, match=r"2,001 pages; at most 2,000 are read"):
        extract(pdf("x", count=2_001))


def test_too_long_a_text():
    with pytest.raises(InvalidRequest, match=r"more than 2,000,000 characters"):
        extract(pdf("word " * 30_000, count=20))


def test_a_bomb_is_refused():
    with pytest.raises(InvalidRequest, match="unpacks to more than can be read"):
        extract(pdf("Text", streams=[bomb(200_000_000)]))


@pytest.mark.parametrize(
    "content",
    [
        b"BT /F1 12 Tf 1 0 0 1 0 0 Tm (x) Tj ET " * 200_000,
        b"[" * 200_000,
        b"<<" * 200_000,
        b"q " * 1_000_000,
        b"(" * 1_000_000,
        b"BT " + b"[" + b"(x) 1 " * 400_000 + b"] TJ ET",
    ],
)
def test_hostile_pages(content: bytes):
    begun = time.process_time()
    with suppress(InvalidRequest):
        assert len(extract(pdf("Text", streams=[zlib.compress(content)])).text) < 2_000_000
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(("pages", "streams"), [(["x"] * 30, None), ([], [b"BT (x) Tj ET " * 1_000])])
def test_time_is_bounded(pages: list[str], streams: list[bytes] | None):
    packed = [zlib.compress(each) for each in streams] if streams else None
    ticks = itertools.count()
    with pytest.raises(InvalidRequest, match="longer than 20 seconds"):
        extract(pdf(*pages, streams=packed), seconds=20, clock=lambda: next(ticks))
