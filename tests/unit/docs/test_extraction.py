"""Files into titles and texts."""

from __future__ import annotations

import itertools
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.docs.extraction import MAX_TEXT, extract
from silvercup.errors import InvalidRequest
from tests.support.snippets import ROOT

PAGE = """<!DOCTYPE html>
<html><head><title>The
 title</title><meta charset="utf-8"><style>p { color: red }</style><script>if (1 < 2) alert("no")</script></head>
<body><!-- hidden --><h1>Head*ing</h1><p>Some <b>bold</b> text_with_underscores &amp; a <a href="https://example.com/x">link</a>.</p>
<noscript>Enable it</noscript><template><p>later</p></template><svg><text>drawn</text></svg>
<h2>Second</h2><ul><li>one</li><li>two</li></ul><pre><code>x = [1]
y</code></pre><p><img src="a.png" alt="a picture"></p>
<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>"""


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [("notes.txt", ""), ("", "text/plain"), ("x.md", "text/plain; charset=utf-8"), ("README", ""), ("a.unknown", "application/octet-stream")],
)  # fmt: skip
def test_plain_text(name: str, mime_type: str):
    found = extract("# Grüße\n\nan alle\n".encode(), name=name, mime_type=mime_type)
    assert found.text == "# Grüße\n\nan alle\n"
    assert found.title == name.partition(".")[0]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n# The *title* #\n\ntext", "The *title*"),
        ("## Part\n\n# Title", "Title"),
        ("Title\n=====\n\ntext", "Title"),
        ("```\n# code\n```\ntext", "notes"),
        ("#\n\ntext", "notes"),
        ("no heading", "notes"),
    ],
)
def test_markdown(text: str, title: str):
    for named in ({"name": "dir/notes.md"}, {"name": "C:\\dir\\notes.x", "mime_type": "text/x-markdown"}):
        assert extract(text.encode(), **named)  # pyright: ignore[reportArgumentType] == Extracted(title, text)


@pytest.mark.parametrize(
    "named", [{"name": "a.html"}, {"mime_type": "text/html"}, {}, {"mime_type": "application/xhtml+xml"}]
)
def test_html(named: dict[str, str]):
    found = extract(PAGE.encode(), **named)  # pyright: ignore[reportArgumentType]
    assert found.title == "The title"
    assert found.text == (
        "# Head*ing\n\nSome **bold** text_with_underscores & a link.\n\n## Second\n\n* one\n* two\n\n```\nx = [1]\ny\n```\n\na picture\n\n"
        "| A | B |\n| --- | --- |\n| 1 | 2 |"
    )


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title> </title><h1>A <i>b</i></h1><p>x", "A b"),
        ("<html><head><title>Unclosed head</title><body><p>x", "Unclosed head"),
        ("<h1></h1><p>x", "page"),
        ("<p>x", "page"),
        ("<title>" + "t" * 5000 + "</title><p>x", "t" * 800),
    ],
)
def test_the_title_of_a_page(page: str, title: str):
    assert extract(page.encode(), name="page.htm").title == title


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        ("\ufeffGrüße".encode(), ""),
        ("Grüße".encode("utf-16"), ""),
        ("\ufeffGrüße".encode("utf-16-be"), ""),
        ("Grüße".encode("utf-32"), ""),
        ("Grüße".encode("utf-16-le"), "UTF-16LE"),
        ("Grüße".encode(), "iso-8859-1"),
        ("Grüße".encode("latin-1"), ""),
        ("Grüße".encode("latin-1"), '"ISO-8859-1"'),
        ("Grüße".encode("cp437"), "cp437"),
        ("Grüße".encode("latin-1"), "no-such-charset"),
        ("Grüße".encode("latin-1"), "rot13"),
        ("Grüße".encode("latin-1"), "unicode_escape"),
    ],
)
def test_charsets(data: bytes, declared: str):
    mime_type = f"text/plain; charset={declared}" if declared else "text/plain"
    assert extract(data, mime_type=mime_type).text == "Grüße"


@pytest.mark.parametrize("charset", ["shift_jis", "euc-jp", "iso-2022-jp"])
def test_declared_charsets_of_pages(charset: str):
    page = f'<html><head><meta http-equiv="content-type" content="text/html; charset={charset}"></head><p>日本語'
    assert extract(page.encode(charset)).text == "日本語"
    assert extract("日本語".encode(charset), mime_type=f"text/plain;charset={charset}").text == "日本語"
    xml = f'<?xml version="1.0" encoding="{charset}"?><html><p>日本語</p></html>'
    assert extract(xml.encode(charset)).text == "日本語"


def test_line_ends_and_control_characters():
    assert extract(b"a\r\nb\rc\x07\x1bd\fe", name="a.txt").text == "a\nb\ncd\n\ne"


@pytest.mark.parametrize(
    ("data", "named", "said"),
    [
        (b"\x89PNG\r\n\x1a\n...", {}, "an image"),
        (b"PK\x03\x04....", {"name": "a.docx"}, "a zip archive or an Office document"),
        (b"PK\x03\x04....", {"mime_type": "text/plain"}, "a zip archive"),
        (b"{\\rtf1 x}", {}, "RTF"),
        (b"x", {"mime_type": "image/png"}, "image/png"),
        (b"x", {"mime_type": "application/json"}, "application/json"),
        (b"x", {"mime_type": "text/" + "x" * 900}, "text/xxx"),
    ],
)
def test_other_types_are_refused_and_the_accepted_ones_named(data: bytes, named: dict[str, str], said: str):
    with pytest.raises(
        InvalidRequest, match=rf"{said}.*text/plain, text/markdown, text/html, application/pdf"
    ) as raised:
        extract(data, **named)  # pyright: ignore[reportArgumentType]
    assert len(raised.value.message) < 300


@pytest.mark.parametrize("data", [b"\0\1\2\3", b"a\0b", bytes(range(256)) * 10, b"\x7fELF\x02\x01\x01\0"])
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a"])
def test_binary_files_are_refused(data: bytes, name: str):
    with pytest.raises(InvalidRequest, match="binary"):
        extract(data, name=name)


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"", "a.txt"), (b" \n\t", "a.md"), (b"<html><script>x</script>", "a.html"), (b"\xef\xbb\xbf", "a.txt")],
)
def test_files_without_text_are_refused(data: bytes, name: str):
    with pytest.raises(InvalidRequest, match="has no text"):
        extract(data, name=name)


def test_texts_are_bounded():
    assert len(extract(b"x" * MAX_TEXT).text) == MAX_TEXT
    with pytest.raises(InvalidRequest, match=r"2,000,001 characters of text; at most 2,000,000 are read"):
        extract(b"x" * (MAX_TEXT + 1))
    with pytest.raises(InvalidRequest, match="at most 5,000,000 are read"):
        extract(b"<p>" + b"x" * 5_000_000, name="a.html")
    with pytest.raises(InvalidRequest, match="more than 300,000 tags"):
        extract(b"<p>" * 300_001, name="a.html")


@pytest.mark.parametrize(
    "page",
    [
        "<" * 200_000, "<div>" * 100_000, "<a " * 100_000, "<!--" * 100_000, "&" * 300_000, "<script" * 60_000, "</" * 200_000, "<title>" * 60_000,
        "<b><i>" * 50_000 + "x", "<table><tr><td>" * 20_000, " " * 1_000_000 + "<p>x", "<img alt='" + "x" * 300_000, "<p>a</p>" * 20_000,
        "<td colspan=99999999>x", "<ol start=9999999999><li>x", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><p>&b;', "<h1>" * 50_000 + "x",
    ],
)  # fmt: skip
def test_hostile_pages(page: str):
    ticks = itertools.count()
    with suppress(InvalidRequest):
        found = extract(page.encode(), name="a.html", clock=lambda: next(ticks) / 1e9)
        assert "root:" not in found.text


def test_time_is_bounded():
    ticks = itertools.count()
    with pytest.raises(InvalidRequest, match="longer than 10 seconds"):
        extract(b"<p>x</p>" * 100, name="a.html", seconds=10, clock=lambda: next(ticks))


@given(
    data=st.binary(max_size=300),
    name=st.sampled_from(["", "a.txt", "a.html", "a.pdf", "a.md"]),
    head=st.sampled_from([b"", b"%PDF-1.7\n", b"<html>"]),
)
def test_any_bytes_are_read_or_refused(data: bytes, name: str, head: bytes):
    try:
        found = extract(head + data, name=name)
    except InvalidRequest:
        return
    assert found.text.strip()
    found.text.encode()
    found.title.encode()


def test_the_libraries_are_imported_late():
    script = "import sys; from silvercup.docs import extraction; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": "layers/core"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"pypdf", "markdownify", "bs4", "silvercup.expressions"} & set(done.stdout.split()) == set()
