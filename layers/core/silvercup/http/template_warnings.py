"""What is told of a template that no chat could render; it is stored all the same, as in v1."""

from __future__ import annotations

from silvercup.errors import InvalidRequest
from silvercup.values import JsonObject


def template_warnings(field: str, template: str | None) -> list[JsonObject]:
    """The problems of a template, as warnings.

    Args:
        field: Where it stands.
        template: The template; None or empty: there is none.
    """
    if not template:
        return []
    from silvercup.chat.templates import check

    try:
        check(template, where=field)
    except InvalidRequest as error:
        return [problem.as_dict() for problem in error.details]
    return []
