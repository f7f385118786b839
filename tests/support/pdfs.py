"""Small PDF files, written by hand."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def pdf(*pages: str, title: str = "", count: int | None = None, streams: Sequence[bytes] | None = None) -> bytes:
    """A PDF of pages with a line of text each.

    Args:
        pages: Their texts (in Latin-1).
        title: In its metadata.
        count: How many pages it has instead, all of them the first one.
        streams: The pages' contents instead, compressed.
    """
    contents = [f"BT /F1 12 Tf 72 720 Td ({_escaped(text)}) Tj ET".encode("latin-1") for text in pages]
    packed = [_stream(content) for content in contents]
    packed += [_stream(each, "/Filter /FlateDecode ") for each in streams or ()]
    first = 5
    kids = [f"{first + 2 * at} 0 R" for at in range(len(packed))]
    if count:
        kids = kids[:1] * count
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({_escaped(title)}) >>".encode("latin-1"),
    ]
    for at, content in enumerate(packed):
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {resources} /Contents {first + 2 * at + 1} 0 R >>"
        objects += [page.encode(), content]
    return _file(objects)


def bomb(size: int) -> bytes:
    """The compressed content of a page that unpacks to ``size`` bytes of spaces."""
    packer = zlib.compressobj(9)
    block = b" " * 1_000_000
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def _stream(content: bytes, filtered: str = "") -> bytes:
    return f"<< {filtered}/Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
