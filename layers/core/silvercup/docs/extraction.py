"""Files into docs: the title and the text of a file of any accepted type. Nothing outside the file is ever fetched."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from silvercup.docs.blocks import sections
from silvercup.docs.charsets import decoded
from silvercup.errors import InvalidRequest

MAX_TEXT = 2_000_000
"""Characters of the text of a file."""
MAX_TITLE = 800
"""Characters of a doc's title, as in v1."""
SECONDS = 60.0
TEXT, MARKDOWN, HTML, PDF = "text/plain", "text/markdown", "text/html", "application/pdf"
ACCEPTED = (TEXT, MARKDOWN, HTML, PDF)

_SYNONYMS = {
    "text/x-markdown": MARKDOWN,
    "application/markdown": MARKDOWN,
    "application/xhtml+xml": HTML,
    "application/x-pdf": PDF,
}
_UNSAID = {"", "application/octet-stream", "binary/octet-stream", "application/x-unknown"}
_SUFFIXES = {
    ".txt": TEXT, ".text": TEXT, ".log": TEXT, ".md": MARKDOWN, ".markdown": MARKDOWN, ".mdown": MARKDOWN, ".htm": HTML, ".html": HTML,
    ".xhtml": HTML, ".pdf": PDF,
}  # fmt: skip
_OTHERS = {
    b"PK\x03\x04": "a zip archive or an Office document", b"\xd0\xcf\x11\xe0": "an old Office document", b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image", b"GIF8": "an image", b"\x1f\x8b": "a gzip archive", b"{\\rtf": "an RTF document", b"%!PS": "PostScript",
}  # fmt: skip
_PDF_WITHIN = 1_024
"""Bytes before a PDF's header, as its readers allow."""
_LOOKED_AT = 4_096
_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,1000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w-]{2,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a file says.

    Attributes:
        title: The file's own title, else its name without the ending, else empty; on one line, at most ``MAX_TITLE`` characters.
        text: Its text, up to ``MAX_TEXT`` characters, not blank; of HTML as Markdown.
    """

    title: str
    text: str


def extract(
    data: bytes,
    *,
    name: str = "",
    mime_type: str = "",
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Extracted:
    """The title and the text of a file.

    Args:
        data: Its bytes.
        name: Its name, with or without a path.
        mime_type: Its MIME type as it was sent, with or without ``charset``; where it says nothing, the type is seen from the name, else from
            the content.
        seconds: How long reading may take.
        clock: Tells seconds.

    Raises:
        InvalidRequest: It is of no accepted type, broken, encrypted, without text, or over a limit; the message says which, and what to do.
    """
    deadline = clock() + seconds

    def tick() -> None:
        if clock() > deadline:
            raise InvalidRequest(f"Reading the file takes longer than {seconds:g} seconds; divide it, or send its text")

    kind = _kind(data, name, mime_type.partition(";")[0].strip().lower())
    named = _CHARSET.search(mime_type)
    charset = named[1] if named else None
    if kind == PDF:
        from silvercup.docs.pdf import read_pdf

        title, text = read_pdf(data, max_chars=MAX_TEXT, tick=tick)
    elif kind == HTML:
        from silvercup.docs.html import declared_charset, read_html

        title, text = read_html(decoded(data, charset or declared_charset(data)), tick=tick)
    else:
        text = decoded(data, charset)
        title = _heading(text) if kind == MARKDOWN else ""
    if not text.strip():
        raise InvalidRequest("The file has no text")
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"The file has {len(text):,} characters of text; at most {MAX_TEXT:,} are read. Divide it")
    title = " ".join((title or PurePosixPath(name.replace("\\", "/")).stem).split())
    return Extracted(title[:MAX_TITLE], text)


def _kind(data: bytes, name: str, said: str) -> str:
    """One of ``ACCEPTED``: what the content shows beyond doubt, else what the MIME type says, else the name, else the content."""
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return PDF
    other = next((what for magic, what in _OTHERS.items() if data.startswith(magic)), None)
    kind = _SYNONYMS.get(said, said)
    if other or (kind not in _UNSAID and kind not in ACCEPTED):
        raise InvalidRequest(
            f"Files of this type ({other or said[:100]}) can't be read; accepted are {', '.join(ACCEPTED)}"
        )
    if kind in _UNSAID:
        kind = _SUFFIXES.get(PurePosixPath(name).suffix.lower(), "")
    if kind == PDF:
        raise InvalidRequest("The PDF is broken and can't be read (it has no header)")
    return kind or (HTML if _PAGE.match(data[:_LOOKED_AT]) else TEXT)


def _heading(text: str) -> str:
    """The first heading of the first level."""
    blocks = (block for section in sections(text) for block in section.blocks if block.kind == "heading")
    lines = (text[block.begin : block.end].splitlines()[0] for block in blocks)
    return next((line.strip("# \t") for line in lines if not line.startswith("##") and line.strip("# \t")), "")
