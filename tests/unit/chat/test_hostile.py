"""No template can take long, take much memory, change what it is given, or reach beyond it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest

from silvercup.chat.templates import Budget, Limits, render, render_message
from silvercup.errors import InvalidRequest
from tests.support.snippets import ROOT

from .hostile import BOMBS, ESCAPES, MUTATIONS
from .jinja import CONTEXT


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[str]]:
    """What became of each bomb, in a process with bounded memory that ends itself when one hangs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.chat.hostile"],
        input=json.dumps(BOMBS),
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    lines += [["no answer", done.stderr[-2000:]]] * (len(BOMBS) - len(lines))
    return dict(zip(BOMBS, lines, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("template", BOMBS, ids=lambda template: template[:60])
def test_a_bomb_is_an_error(template: str, outcomes: dict[str, list[str]]):
    kind, message, *_ = outcomes[template]
    assert kind == "InvalidRequest", message
    assert message.startswith("Template ")
    assert "memory" not in message
    assert len(message) < 400


@pytest.mark.parametrize("template", ESCAPES)
def test_an_escape_is_an_error(template: str):
    with pytest.raises(InvalidRequest):
        render(template, CONTEXT)


@pytest.mark.parametrize("template", MUTATIONS)
def test_a_mutation_is_an_error_and_changes_nothing(template: str):
    context = copy.deepcopy(CONTEXT)
    with pytest.raises(InvalidRequest):
        render(template, context)
    assert context == CONTEXT


@pytest.mark.parametrize(
    "template",
    [
        "{{ environ }}{{ ENVIRON }}{{ HOME }}{{ PATH }}{{ AWS_ACCESS_KEY_ID }}",
        "{{ env }}{{ settings_of_the_process }}{{ os }}{{ sys }}{{ builtins }}{{ __builtins__ }}{{ __name__ }}",
        "{{ self }}{{ super }}{{ caller }}{{ context }}{{ environment }}{{ lipsum }}{{ _meter }}{{ budget }}",
        "{{ agent.environ }}{{ agent.os }}",
    ],
)
def test_nothing_of_the_process_has_a_name(template: str):
    assert render(template, CONTEXT) == ""


COUNTED = [
    "{% for i in range(1000) %}{% endfor %}",
    "{% for i in range(40) %}{% for j in range(40) %}{% endfor %}{% endfor %}",
    "{% for c in 'a' * 1000 %}{% endfor %}",
    "{% for i in range(1000) if i < 0 %}{% endfor %}",
    "{{ range(1000) | map('string') | list }}",
    "{{ range(1000) | select | list }}",
    "{{ range(1000) | sum }}",
    "{{ range(1000) | join }}",
    "{{ range(1000) | unique }}",
    "{{ range(1000) | sort }}",
    "{{ range(1000) | max }}",
    "{{ range(1000) | groupby('real') }}",
    "{{ ('<b>' * 1000) | striptags }}",
    "{{ ('a\n' * 1000) | wordwrap }}",
    "{{ '%s' * 1000 % ((1,) * 1000) }}",
    "{{ ('{}' * 1000).format(*range(1000)) }}",
    "{{ range(1000) | list | tojson ~ ([[1]] * 300) ~ (range(1000) | list) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(12) }}",
    "{% for a in [range(40) | list] * 30 recursive %}{{ loop(a) if a is iterable }}{% endfor %}",
    "{{ 1 }}" * 1000,
    "{{ n is odd }}{{ n }}" * 300,
    "{% set a = 1 %}" * 1000,
]


@pytest.mark.parametrize("template", COUNTED, ids=lambda template: template[:60])
def test_every_step_is_counted(template: str):
    stopped = Budget(Limits(steps=900, seconds=1e9), clock=lambda: 0.0)
    with pytest.raises(InvalidRequest, match="Template took too many steps: more than 900"):
        render(template, CONTEXT, budget=stopped)
    render(template, CONTEXT, budget=Budget(Limits(seconds=1e9), clock=lambda: 0.0))


def test_time_is_looked_at_on_the_way():
    now = [0.0]

    def clock() -> float:
        now[0] += 0.001
        return now[0]

    with pytest.raises(InvalidRequest, match=r"Template took too long: more than 2 seconds \(line 1\)"):
        render("{% for i in range(10000) %}{{ i }}{% endfor %}", {}, budget=Budget(clock=clock))


def test_templates_of_one_request_share_its_budget():
    budget = Budget(Limits(steps=1000, seconds=1e9), clock=lambda: 0.0)
    template = "{% for i in range(100) %}{{ i }}{% endfor %}"
    for _ in range(2):
        render(template, {}, budget=budget)
    with pytest.raises(InvalidRequest, match="too many steps"):
        render(template * 8, {}, budget=budget)


def test_time_between_templates_is_not_theirs():
    now = [0.0]
    budget = Budget(clock=lambda: now[0])
    for _ in range(5):
        assert render("{{ 1 }}", {}, budget=budget) == "1"
        now[0] += 100


def test_the_parts_of_a_message_share_its_budget():
    parts = [{"type": "text", "text": "{% for i in range(100) %}{{ i }}{% endfor %}"}] * 10
    budget = Budget(Limits(steps=1000, seconds=1e9), clock=lambda: 0.0)
    with pytest.raises(InvalidRequest, match="too many steps") as caught:
        render_message({"role": "user", "content": parts}, {}, where="messages[0]", budget=budget)
    assert caught.value.details[0].loc.startswith("messages[0].content[")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(output=10), "Template output is too large: more than 10 characters (line 1)"),
        (Limits(template=10), "Template is too large: 38 characters, the limit is 10"),
        (Limits(tokens=5), "Template is too large: more than 5 words and signs inside braces"),
    ],
)
def test_limits_are_told(limits: Limits, message: str):
    with pytest.raises(InvalidRequest) as caught:
        render("{% for i in range(9) %}abc{% endfor %}", {}, budget=Budget(limits))
    assert caught.value.message == message
    assert caught.value.details[0].hint
