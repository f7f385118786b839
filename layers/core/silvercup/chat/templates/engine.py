"""Rendering with everything that can go wrong told as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import TemplateSyntaxError

from silvercup.chat.templates.budget import DEFAULT, Budget, Limits, OverLimit
from silvercup.chat.templates.parsing import Parsed, Templates
from silvercup.chat.templates.rendering import Rendering
from silvercup.chat.templates.values import UndefinedVariable
from silvercup.errors import ExpressionError, InvalidRequest, Problem, SilvercupError
from silvercup.expressions.results import clean

_AS_TEXT: Final = (
    "If the braces were meant as text: render_templates: false on the session switches the rendering of messages off,"
    " and {% raw %}...{% endraw %} keeps a part as it is"
)
_SHOWN: Final = 200


class Engine:
    """Templates that were used lately, and how to render them."""

    def __init__(self) -> None:
        self._templates = Templates()

    def render(self, template: str, context: Mapping[str, Any], where: str, budget: Budget | None) -> str:
        """The text that a template makes; see ``silvercup.chat.templates.render``.

        Raises:
            InvalidRequest: It does not parse, fails, or goes over a limit.
        """
        budget = Budget() if budget is None else budget
        with budget.running():
            parsed = self._parsed(template, where, budget.limits)
            rendering = Rendering(parsed, context, budget)
            try:
                return rendering.run()
            except OverLimit as error:
                raise _refused(where, error.message, rendering.line, error.hint) from None
            except UndefinedVariable as error:
                hint = f"{error.hint} {_AS_TEXT}" if error.hint else _AS_TEXT
                raise _refused(where, f"Template undefined variable: {error.message}", rendering.line, hint) from None
            except ExpressionError as error:
                message = error.message
            except SilvercupError:
                raise
            except RecursionError:
                message = "the template or a value is nested too deeply"
            except MemoryError:
                message = "it needs too much memory"
            except Exception as error:  # noqa: BLE001  whatever Python or a library raises is the template's failure
                message = _explained(error)
            raise _refused(where, f"Template rendering error: {message}", rendering.line, _AS_TEXT)

    def check(self, template: str, where: str) -> None:
        """Refuse what does not parse.

        Raises:
            InvalidRequest: It does not parse, or is too large.
        """
        self._parsed(template, where, DEFAULT)

    def _parsed(self, template: str, where: str, limits: Limits) -> Parsed:
        try:
            return self._templates.parse(template, limits)
        except OverLimit as error:
            raise _refused(where, error.message, None, error.hint) from None
        except TemplateSyntaxError as error:
            message = (error.message or "not a template")[:_SHOWN]
            raise _refused(where, f"Template syntax error: {message}", error.lineno, _AS_TEXT) from None
        except ValueError as error:
            raise _refused(where, f"Template syntax error: {_explained(error)}", None, _AS_TEXT) from None


def _refused(where: str, message: str, line: int | None, hint: str) -> InvalidRequest:
    told = clean(message)
    shown = told if line is None else f"{told} (line {line})"
    return InvalidRequest(shown, [Problem(loc=where, msg=told, line=line, hint=clean(hint))])


def _explained(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return "a number of over 4,300 digits can't be read or written"
    text = str(error)[:_SHOWN]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
