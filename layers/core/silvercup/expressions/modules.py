"""Every name of the language: functions, modules, constants."""

from __future__ import annotations

import base64
import binascii
import string
from typing import Any, Final

from silvercup.errors import ExpressionError
from silvercup.expressions import yamls
from silvercup.expressions.calendars import DATETIME, TIME
from silvercup.expressions.documents import DOCUMENTS, dump_json, load_json
from silvercup.expressions.functions import FUNCTIONS
from silvercup.expressions.limits import Meter, at_most
from silvercup.expressions.numbers import MATH, RANDOM, STATISTICS
from silvercup.expressions.regexes import MATCH_REGEX, RE, SEARCH_REGEX
from silvercup.expressions.sizes import weigh
from silvercup.expressions.tables import CSV
from silvercup.expressions.views import Function, Namespace

MAX_BASE64: Final = 10_000_000
MAX_ADDRESS: Final = 200_000


def _encode(meter: Meter, text: Any) -> str:
    raw = text.encode() if isinstance(text, str) else text
    if not isinstance(raw, bytes):
        raise ExpressionError("base64.b64encode() needs a text")
    meter.text(len(raw) * 4 // 3 + 4)
    return base64.b64encode(raw).decode()


def _decode(meter: Meter, text: Any) -> str:
    if not isinstance(text, str | bytes):
        raise ExpressionError("base64.b64decode() needs a text")
    at_most(len(text), MAX_BASE64, "base64.b64decode()")
    meter.charge(2 * len(text))
    try:
        return base64.b64decode(text).decode()
    except binascii.Error:
        raise ExpressionError("base64.b64decode(): the text is not base64") from None
    except UnicodeDecodeError:
        raise ExpressionError("base64.b64decode(): the decoded bytes are no UTF-8 text") from None


def _address(name: str) -> Function:
    def call(meter: Meter, value: Any, *args: Any, **named: Any) -> Any:
        library = meter.load("urllib.parse")
        weigh(meter, value, MAX_ADDRESS)
        weigh(meter, [list(args), named], 1000)
        if name in {"parse_qs", "parse_qsl"}:
            named["max_num_fields"] = 10_000
        result = getattr(library, name)(value, *args, **named)
        if isinstance(result, str):
            meter.text(len(result))
        return result

    return Function(f"urllib.parse.{name}", call)


_STRING = "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable whitespace"
_URL = "urlparse urlencode unquote quote parse_qs parse_qsl urlsplit"

MODULES: Final[dict[str, Namespace]] = {
    "re": RE,
    "json": Namespace("json", {"loads": Function("json.loads", load_json), "dumps": Function("json.dumps", dump_json)}),
    "yaml": Namespace(
        "yaml",
        {
            **{name: Function(f"yaml.{name}", yamls.load) for name in ("load", "safe_load")},
            **{name: Function(f"yaml.{name}", yamls.dump) for name in ("dump", "safe_dump")},
        },
    ),
    "string": Namespace("string", {name: getattr(string, name) for name in _STRING.split()}),
    "datetime": DATETIME,
    "math": MATH,
    "statistics": STATISTICS,
    "base64": Namespace(
        "base64",
        {"b64encode": Function("base64.b64encode", _encode), "b64decode": Function("base64.b64decode", _decode)},
    ),
    "urllib": Namespace(
        "urllib", {"parse": Namespace("urllib.parse", {name: _address(name) for name in _URL.split()})}
    ),
    "random": RANDOM,
    "time": TIME,
    "csv": CSV,
}

CONSTANTS: Final[dict[str, object]] = {"NEWLINE": "\n", "true": True, "false": False, "null": None}

GLOBALS: Final[dict[str, object]] = {
    **FUNCTIONS,
    **DOCUMENTS,
    "search_regex": SEARCH_REGEX,
    "match_regex": MATCH_REGEX,
    **MODULES,
    **CONSTANTS,
}
"""What a name means when neither a comprehension nor the context has it."""
