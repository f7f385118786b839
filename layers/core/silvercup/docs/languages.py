"""Languages of texts, as BCP 47 tags name them, and the analysis that each of them gets."""

from __future__ import annotations

import re

from silvercup.errors import InvalidShape, Problem

STANDARD = "standard"
"""The analysis that knows no language: words as they are written, without case and accents."""
DEFAULT_TAG = "en-US"
"""What v1 took where a request named no language."""

_BY_CODE = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "ja": "cjk",
    "ko": "cjk",
    "lt": "lithuanian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
    "zh": "cjk",
}
ANALYZERS = frozenset(_BY_CODE.values()) | {STANDARD}
"""Names of analyses; OpenSearch has a built-in analyzer of each of these names."""
_TAG = re.compile(r"([a-z]{2,3})(-[a-z0-9]{1,8})*", re.IGNORECASE)
_MACRO = {
    "ara": "ar", "cat": "ca", "dan": "da", "deu": "de", "ger": "de", "ell": "el", "gre": "el", "eng": "en", "spa": "es", "est": "et",
    "eus": "eu", "baq": "eu", "fin": "fi", "fra": "fr", "fre": "fr", "gle": "ga", "hin": "hi", "hun": "hu", "hye": "hy", "arm": "hy",
    "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "lit": "lt", "nld": "nl", "dut": "nl", "nor": "no", "nob": "nb", "nno": "nn",
    "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru", "swe": "sv", "tur": "tr", "zho": "zh", "chi": "zh",
}  # fmt: skip
"""ISO 639-2 and 639-3 codes of the same languages."""


def analyzer_of(tag: str, field: str = "lang") -> str:
    """How texts of a language are analysed: one of ``ANALYZERS``, ``STANDARD`` for a language that has no analysis of its own.

    Args:
        tag: A BCP 47 tag (``en-US``), or a code of ISO 639 (``en``, ``eng``).
        field: What the caller calls it.

    Raises:
        InvalidShape: It is no tag.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        message = f"Invalid ISO 639 language code: {tag[:40]!r}; send a tag such as en, en-US or pt-BR"
        raise InvalidShape(message, [Problem(field, message)])
    code = match[1].lower()
    return _BY_CODE.get(_MACRO.get(code, code), STANDARD)
