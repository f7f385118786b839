"""Bytes into text, whatever charset they are in."""

from __future__ import annotations

import codecs
import re

from silvercup.errors import InvalidRequest

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Those of UTF-32 first: one begins like that of UTF-16."""
_KNOWN = re.compile(
    r"utf-?(8|16|32)(-?[lb]e)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?\d{1,2}|windows-?\d{3,4}|cp-?\d{3,4}|koi8-[ru]|"
    r"mac-?\w{5,10}|gb(k|2312|18030)|big5(-?hkscs)?|shift[-_]jis|s-?jis|euc-(jp|kr)|iso-2022-(jp|kr)|tis-620"
)
"""Charsets as files name them; Python knows codecs that are none of texts."""
_LOOKS_LIKE_UTF8 = re.compile(r"utf-?(16|32)|iso-2022")
"""Of these, bytes can be valid UTF-8 and mean something else."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROL = 0.005
"""The share of control characters up to which something is a text, beyond a few that any may have."""
_FEW = 5


def decoded(data: bytes, declared: str | None = None) -> str:
    """The text of bytes, with line ends as newlines and without control characters.

    The charset is that of a byte order mark, else UTF-8 where it fits, else the declared one, else Windows' western one (cp1252).

    Args:
        data: The bytes.
        declared: The charset that came with them; one that is unknown or does not fit is passed over.

    Raises:
        InvalidRequest: They are no text.
    """
    text = _text(data, (declared or "").strip().strip("\"'").lower())
    if "\0" in text or len(_CONTROL.findall(text)) > _FEW + _MOST_CONTROL * len(text):
        raise InvalidRequest("The file is neither text nor a PDF: it is binary, of a type that is not known")
    return cleaned(text)


def cleaned(text: str) -> str:
    """The text with line ends as newlines, form feeds as blank lines, and without other control characters and half surrogate pairs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    text = _CONTROL.sub("", text).replace("\x1b", "")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(data: bytes, declared: str) -> str:
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data.decode(charset, "replace")
    known = declared if _KNOWN.fullmatch(declared) else ""
    order = [known, "utf-8"] if _LOOKS_LIKE_UTF8.match(known) else ["utf-8", known]
    for charset in filter(None, order):
        try:
            return data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")
