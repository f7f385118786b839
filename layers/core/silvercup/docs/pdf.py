"""The text of PDF files, by ``pypdf``, which is imported when the first one comes."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

from silvercup.docs.charsets import cleaned
from silvercup.errors import InvalidRequest, RequestError

MAX_PAGES = 2_000
LIMITS: dict[str, Any] = {
    "array_based_stream_maximum_output_length": 20_000_000,
    "brotli_maximum_output_length": 20_000_000,
    "lzw_maximum_output_length": 20_000_000,
    "run_length_maximum_output_length": 20_000_000,
    "zlib_maximum_output_length": 20_000_000,
    "stream_decoding_work_maximum_length": 60_000_000,
    "stream_parsing_work_maximum_count": 500_000,
    "xform_maximum_invocations_per_extraction": 500,
    "page_tree_maximum_entries": 20_000,
    "jbig2dec_binary": None,
}
"""What one page may make of its bytes; a dense page of text takes a hundredth of it."""


def read_pdf(data: bytes, *, max_chars: int, tick: Callable[[], object]) -> tuple[str, str]:
    """The title in a PDF's metadata, empty when there is none, and the texts of its pages, with a blank line between them.

    Args:
        data: The file.
        max_chars: How long the text may be.
        tick: Called before each page and within it, so that it can raise when time is up.

    Raises:
        InvalidRequest: It is broken, needs a password, has too many pages or too long a text, would unpack to very much, or has no text.
    """
    import pypdf
    from pypdf.errors import LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # a broken file has thousands of lines to say
    with pypdf.apply_configuration(**LIMITS):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data))
            _open(reader)
            texts = _texts(reader, max_chars, tick)
            title = _title(reader)
        except RequestError:
            raise
        except LimitReachedError:
            raise InvalidRequest("The PDF unpacks to more than can be read; save it anew, or send its text") from None
        except Exception as error:  # noqa: BLE001  pypdf lets through whatever a broken file leads to
            raise InvalidRequest(f"The PDF is broken and can't be read ({type(error).__name__})") from None
    if not any(text.strip() for text in texts):
        raise InvalidRequest("The PDF has no text: its pages are images. Run a text recognition (OCR) over it first")
    return title, "\n\n".join(filter(None, texts))


def _open(reader: Any) -> None:
    """Decrypt what an empty password opens, count the pages."""
    if reader.is_encrypted:
        try:
            opened = reader.decrypt("")
        except Exception:  # noqa: BLE001  (also: a cipher that needs a package that is not here)
            opened = 0
        if not opened:
            raise InvalidRequest("The PDF is encrypted; send it without a password")
    pages = len(reader.pages)
    if pages > MAX_PAGES:
        raise InvalidRequest(f"The PDF has {pages:,} pages; at most {MAX_PAGES:,} are read. Divide it")


def _texts(reader: Any, max_chars: int, tick: Callable[[], object]) -> list[str]:
    def visit(*_: Any) -> None:
        tick()

    texts: list[str] = []
    length = 0
    for page in reader.pages:
        tick()
        texts.append(cleaned(page.extract_text(visitor_operand_before=visit)).strip())
        length += len(texts[-1])
        if length > max_chars:
            raise InvalidRequest(f"The PDF has more than {max_chars:,} characters of text; divide it")
    return texts


def _title(reader: Any) -> str:
    try:
        return cleaned(str(reader.metadata.title or ""))
    except Exception:  # noqa: BLE001  (a text is worth reading without its metadata)
        return ""
