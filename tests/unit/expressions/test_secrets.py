"""Which secrets a value names."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.errors import ExpressionError
from silvercup.expressions import CONTEXT_NAMES
from silvercup.expressions.secrets import secret_names


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("$ secrets.A", {"A"}),
        ("$ secrets['A'] + secrets.get('B', '')", {"A", "B"}),
        ("text {secrets.A} and {{secrets.B}}", {"A", "B"}),
        ("$ f'{secrets.A}'.upper()", {"A"}),
        ("$ secrets.A.get('x')", {"A"}),
        ({"secrets.K": ["$ secrets.A", {"b": "{secrets.B}"}], "n": 1, "t": None}, {"A", "B"}),
        ("my secrets.A are safe", set()),
        ("{other.secrets}", set()),
        ("$ [secrets for secrets in [1]]", set()),
        ("$ 1", set()),
        ("", set()),
    ],
)
def test_names_are_found_and_nothing_else(value: Any, names: set[str]):
    assert secret_names(value) == names


def test_the_names_of_a_task_are_known_as_well():
    assert secret_names("$ secrets.A + _.b", CONTEXT_NAMES) == {"A"}


@pytest.mark.parametrize(
    "text", ["$ secrets", "$ secrets[_]", "$ dict(secrets)", "$ secrets.get(1)", "$ 'A' in secrets", "$ x(secrets.get)"]
)
def test_what_is_computed_is_refused(text: str):
    with pytest.raises(ExpressionError, match="can't be computed"):
        secret_names(text)
