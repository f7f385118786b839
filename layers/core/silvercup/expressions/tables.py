"""The module ``csv``: readers take the text itself; a writer's text is what ``getvalue()`` answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from silvercup.errors import ExpressionError
from silvercup.expressions.formatting import text_of
from silvercup.expressions.iteration import collect, iterate
from silvercup.expressions.limits import MAX_TEXT, Meter, at_most
from silvercup.expressions.views import Function, Namespace, View, plain

_MAX_SAMPLE = 4_000
_DIALECTS = ("excel", "excel-tab", "unix")
_OPTIONS = frozenset(
    "delimiter quotechar escapechar doublequote skipinitialspace lineterminator quoting strict".split()
)


class Dialect(View):
    """How a CSV text is written; may be given as ``dialect=``."""

    __slots__ = ("options",)

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def __repr__(self) -> str:
        return "a CSV dialect"

    def view_getattr(self, name: str) -> object:
        """``delimiter``, ``quotechar`` and so on."""
        return self.options[name]

    def view_json(self) -> object:
        """Its options."""
        return dict(self.options)


def _form(dialect: Any, options: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(options) - _OPTIONS):
        raise ExpressionError(f"csv has no option {unknown[0]!r}; there are: {', '.join(sorted(_OPTIONS))}")
    if isinstance(dialect, Dialect):
        return {**dialect.options, **options}
    if dialect not in _DIALECTS:
        raise ExpressionError(f"csv has no such dialect; there are: {', '.join(_DIALECTS)}")
    return {"dialect": dialect, **options}


def _rows(meter: Meter, text: Any, form: dict[str, Any]) -> Iterator[list[str]]:
    import csv
    import io

    if isinstance(text, str):
        at_most(len(text), MAX_TEXT, "csv")
        lines: Iterable[str] = io.StringIO(text, newline="")
    else:
        lines = (line for line in iterate(meter, text) if isinstance(line, str))
    for row in csv.reader(lines, **form):
        meter.items(len(row), 60)
        meter.tick()
        yield row


def _reader(meter: Meter, text: Any, dialect: Any = "excel", **options: Any) -> Iterator[list[str]]:
    return _rows(meter, text, _form(dialect, options))


def _dict_reader(
    meter: Meter,
    text: Any,
    fieldnames: Any = None,
    restkey: Any = None,
    restval: Any = None,
    dialect: Any = "excel",
    **options: Any,
) -> Iterator[dict[Any, Any]]:
    rows = _rows(meter, text, _form(dialect, options))
    names = list(collect(meter, fieldnames)) if fieldnames is not None else next(rows, cast("list[str]", []))
    return _named_rows(meter, rows, names, restkey, restval)


def _named_rows(
    meter: Meter, rows: Iterator[list[str]], names: list[Any], restkey: Any, restval: Any
) -> Iterator[dict[Any, Any]]:
    for row in rows:
        if not row:
            continue
        meter.charge(100 * len(names) + 100)
        made: dict[Any, Any] = dict(zip(names, row, strict=False))
        if len(row) > len(names):
            made[restkey] = row[len(names) :]
        made.update(dict.fromkeys(names[len(row) :], restval))
        yield made


class Writer(View):
    """``csv.writer`` and ``csv.DictWriter`` over a text of their own."""

    __slots__ = ("_form", "_length", "_lines", "_names")

    def __init__(self, text: str, form: dict[str, Any], names: list[str] | None = None) -> None:
        self._lines = [text]
        self._length = len(text)
        self._form = form
        self._names = names

    def __repr__(self) -> str:
        return "a CSV writer"

    def view_getattr(self, name: str) -> object:
        """``writerow``, ``writerows``, ``writeheader`` and ``getvalue``."""
        if name == "getvalue":
            return plain(name, self.view_json)
        if name == "writerow":
            return Function(name, self._write)
        if name == "writerows":
            return Function(name, self._write_all)
        if name == "writeheader" and self._names is not None:
            return Function(name, self._write_header)
        raise AttributeError(
            f"a CSV writer has no attribute {name!r}; there are: writerow, writerows, writeheader, getvalue"
        )

    def view_json(self) -> object:
        """The text written so far."""
        self._lines = ["".join(self._lines)]
        return self._lines[0]

    def _write_all(self, meter: Meter, rows: object) -> int:
        return sum(self._write(meter, row) for row in iterate(meter, rows))

    def _write_header(self, meter: Meter) -> int:
        return self._write(meter, {name: name for name in self._names or []})

    def _write(self, meter: Meter, row: Any) -> int:
        import csv
        import io

        values = [row.get(name, "") for name in self._names] if self._names is not None else collect(meter, row)
        cells = [
            "" if value is None else value if isinstance(value, int | float) else text_of(meter, value)
            for value in values
        ]
        out = io.StringIO()
        meter.text(sum(len(cell) for cell in cells if isinstance(cell, str)))
        csv.writer(out, **self._form).writerow(cells)
        line = out.getvalue()
        self._length += len(line)
        meter.text(len(line))
        at_most(self._length, MAX_TEXT, "a CSV writer")
        self._lines.append(line)
        return len(line)


def _writer(_meter: Meter, text: str = "", dialect: Any = "excel", **options: Any) -> Writer:
    return Writer(_text(text), _form(dialect, options))


def _dict_writer(meter: Meter, text: str = "", fieldnames: Any = (), dialect: Any = "excel", **options: Any) -> Writer:
    return Writer(_text(text), _form(dialect, options), [text_of(meter, name) for name in collect(meter, fieldnames)])


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise ExpressionError("a CSV writer begins with a text, such as ''")
    return text


class Sniffer(View):
    """``csv.Sniffer()``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "a CSV sniffer"

    def view_getattr(self, name: str) -> object:
        """``sniff`` and ``has_header``, of a text of at most 4,000 characters."""
        if name in {"sniff", "has_header"}:
            return Function(name, _sniff if name == "sniff" else _has_header)
        raise AttributeError(f"csv.Sniffer() has no attribute {name!r}; there are: sniff, has_header")


def _sniff(_meter: Meter, sample: str, delimiters: str | None = None) -> Dialect:
    import csv

    at_most(len(sample), _MAX_SAMPLE, "sniff()")
    return _described(csv.Sniffer().sniff(sample, delimiters))


def _has_header(_meter: Meter, sample: str) -> bool:
    import csv

    at_most(len(sample), _MAX_SAMPLE, "has_header()")
    return csv.Sniffer().has_header(sample)


def _get_dialect(_meter: Meter, name: str) -> Dialect:
    import csv

    _form(name, {})
    return _described(csv.get_dialect(name))


def _described(found: Any) -> Dialect:
    return Dialect({name: getattr(found, name) for name in sorted(_OPTIONS - {"strict"})})


CSV: Final = Namespace(
    "csv",
    {
        "reader": Function("csv.reader", _reader),
        "DictReader": Function("csv.DictReader", _dict_reader),
        "writer": Function("csv.writer", _writer),
        "DictWriter": Function("csv.DictWriter", _dict_writer),
        "Sniffer": plain("csv.Sniffer", Sniffer),
        "get_dialect": Function("csv.get_dialect", _get_dialect),
        "list_dialects": plain("csv.list_dialects", lambda: list(_DIALECTS)),
        "excel": "excel",
        "excel_tab": "excel-tab",
        "unix_dialect": "unix",
        "QUOTE_MINIMAL": 0,
        "QUOTE_ALL": 1,
        "QUOTE_NONNUMERIC": 2,
        "QUOTE_NONE": 3,
        "QUOTE_STRINGS": 4,
        "QUOTE_NOTNULL": 5,
    },
)
