"""JSON values with expressions in them, compiled once and evaluated often."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Any, Final, cast, override

from silvercup.errors import ExpressionError, SilvercupError
from silvercup.expressions.analysis import NOTHING, Reads, reads_of
from silvercup.expressions.evaluator import Evaluator, mutates
from silvercup.expressions.limits import Meter
from silvercup.expressions.results import to_json
from silvercup.expressions.text import Expression, Field, read
from silvercup.expressions.views import View
from silvercup.values import Json

CONTEXT_NAMES: Final = frozenset(
    "_ inputs outputs steps state input arguments agent task execution secrets agent_tools developer_id cursor current_input user session".split()
)
"""The variables that the evaluated fields of a task see."""

_SHOWN = 200
_SHORTENED = (200, 100, 60, 40)
_MIN_SECRET = 4


class Compiled(ABC):
    """A compiled JSON value.

    Attributes:
        reads: What evaluating it may look at.
    """

    __slots__ = ("reads",)

    def __init__(self, reads: Reads) -> None:
        self.reads: Reads = reads

    @abstractmethod
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        """The value with its expressions evaluated, as plain JSON.

        Args:
            scope: The variables of the context: JSON values and views.

        Raises:
            ExpressionError: An expression failed, went over a limit, or made something that is not JSON.
        """

    @abstractmethod
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        """The same before the conversion to JSON: for what is only tested, or looped over.

        Raises:
            ExpressionError: An expression failed, or went over a limit.
        """


class _Constant(Compiled):
    __slots__ = ("_value",)

    def __init__(self, value: Json) -> None:
        super().__init__(NOTHING)
        self._value = value

    @override
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        return self._value

    @override
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        return self._value


class _Expression(Compiled):
    __slots__ = ("_copies", "_expression", "_secret")

    def __init__(self, expression: Expression | Field, names: frozenset[str]) -> None:
        super().__init__(reads_of(expression.tree, names))
        self._expression = expression
        self._copies = mutates(expression.tree)
        self._secret = "secrets" in self.reads.names

    @override
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        return cast("Json", self._run(scope, convert=True))

    @override
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        return self._run(scope, convert=False)

    def _run(self, scope: Mapping[str, object], *, convert: bool) -> object:
        try:
            value = Evaluator(scope, Meter(), copies=self._copies).run(self._expression.tree)
            return to_json(value) if convert else value
        except ExpressionError as error:
            message = error.message
        except SilvercupError:
            raise  # a view could not load: not the expression's failure
        except RecursionError:
            message = "the expression or a value is nested too deeply"
        except MemoryError:
            message = "the expression needs too much memory"
        except Exception as error:  # noqa: BLE001  whatever Python or a library raises is the expression's failure
            message = _explained(error)
        if self._secret:
            message = masked(message, scope.get("secrets"))
        raise ExpressionError(f"{message} (in `{self._source()}`)")

    def _source(self) -> str:
        source = " ".join(self._expression.source.split())
        return source if len(source) <= _SHOWN else source[:_SHOWN] + "..."


def masked(message: str, secrets: object) -> str:
    """The message without the secrets' values."""
    try:
        known = secrets.view_json() if isinstance(secrets, View) else secrets
    except SilvercupError:
        known = None
    if not isinstance(known, Mapping):
        return "the expression failed"
    for value in cast("Mapping[str, object]", known).values():
        for shown in {str(value), *(str(value)[:length] for length in _SHORTENED)}:
            if len(shown) >= _MIN_SECRET:
                message = message.replace(shown, "***").replace(repr(shown)[1:-1], "***")
    return message


def _explained(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    text = str(error)[:_SHOWN].encode("utf-8", "replace").decode()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Template(Compiled):
    __slots__ = ("_parts",)

    def __init__(self, parts: list[str | _Expression]) -> None:
        super().__init__(reduce(Reads.__or__, (part.reads for part in parts if isinstance(part, _Expression)), NOTHING))
        self._parts = parts

    @override
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        return to_json(self.evaluate_raw(scope))

    @override
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        texts: list[str] = []
        length = 0
        meter = Meter()
        for part in self._parts:
            texts.append(part if isinstance(part, str) else str(part.evaluate_raw(scope)))
            length += len(texts[-1])
            meter.text(length)
        return "".join(texts)


class _List(Compiled):
    __slots__ = ("_items",)

    def __init__(self, items: list[Compiled]) -> None:
        super().__init__(reduce(Reads.__or__, (item.reads for item in items), NOTHING))
        self._items = items

    @override
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        return [item.evaluate(scope) for item in self._items]

    @override
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        return [item.evaluate_raw(scope) for item in self._items]


class _Dict(Compiled):
    __slots__ = ("_items",)

    def __init__(self, items: dict[str, Compiled]) -> None:
        super().__init__(reduce(Reads.__or__, (item.reads for item in items.values()), NOTHING))
        self._items = items

    @override
    def evaluate(self, scope: Mapping[str, object]) -> Json:
        return {key: item.evaluate(scope) for key, item in self._items.items()}

    @override
    def evaluate_raw(self, scope: Mapping[str, object]) -> object:
        return {key: item.evaluate_raw(scope) for key, item in self._items.items()}


def compile_value(value: Any, names: frozenset[str] = CONTEXT_NAMES) -> Compiled:
    """Compile a JSON value: strings by the text rule, lists by element, dicts by value (keys stay), the rest as it is.

    Args:
        value: The value of a task's field.
        names: The variables that the field will see.

    Raises:
        ExpressionError: A string begins with ``$ `` and does not parse.
    """
    if isinstance(value, str):
        return _compile_text(value, names)
    if isinstance(value, dict):
        pairs = cast("dict[Any, Any]", value)
        return _Dict({str(key): compile_value(item, names) for key, item in pairs.items()})
    if isinstance(value, list | tuple):
        return _List([compile_value(item, names) for item in cast("list[Any]", value)])
    return _Constant(value if value is None or isinstance(value, bool | int | float) else str(value))


@lru_cache(maxsize=4096)
def _compile_text(text: str, names: frozenset[str]) -> Compiled:
    found = read(text, names)
    if isinstance(found, str):
        return _Constant(found)
    if isinstance(found, Expression):
        return _Expression(found, names)
    return _Template([part if isinstance(part, str) else _Expression(part, names) for part in found.parts])
