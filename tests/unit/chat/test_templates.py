"""What a template's author sees: results, errors with their line, and which texts of a message are templates."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.chat.templates import check, render, render_message
from silvercup.errors import InvalidRequest, Problem
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE

from .jinja import CONTEXT, expected

DEFAULTS: list[dict[str, Any]] = [
    CONTEXT,
    {
        "agent": {"name": "Ada", "about": "", "instructions": []},
        "user": None,
        "session": {"situation": None},
        "docs": [],
    },
    {
        "agent": {"name": "Ada", "about": "wise", "instructions": "Be kind."},
        "user": {"name": "", "about": ""},
        "session": {},
    },
    {
        "agent": {"name": "", "about": "", "instructions": ["a"]},
        "user": {"name": "Bo", "about": ""},
        "session": {"situation": "s"},
    },
    {"agent": {}, "session": {}, "docs": [{"title": "T", "content": "whole"}]},
]


@pytest.mark.parametrize("context", DEFAULTS)
def test_the_default_template_is_what_jinja_makes_of_it(context: dict[str, Any]):
    assert render(DEFAULT_SYSTEM_TEMPLATE, context) == expected(DEFAULT_SYSTEM_TEMPLATE, context)


def test_the_default_template_has_its_blocks_in_order():
    assert render(DEFAULT_SYSTEM_TEMPLATE, CONTEXT) == (
        "You are Ada. About you: a helper. You are talking to a user  and their name is Bo. About the user: likes trains.\n"
        "Situation: at work\n\n"
        "Instructions:\n- be kind\n- be brief\n\n"
        "Relevant documents:\nT1\none\ntwo\n---T2\nthree\n---"
    )


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ json.loads('[1, 2]')[1] }}", "2"),
        ("{{ re.sub('a', 'b', 'aa') }}", "bb"),
        ("{{ max(1, 5) }}{{ sum([1, 2]) }}{{ len('abc') }}", "533"),
        ("{{ sorted([2, 1]) }}", "[1, 2]"),
        ("{{ true }}{{ null }}{{ NEWLINE }}", "TrueNone\n"),
        ("{{ math.sqrt(4) }}", "2.0"),
        ("{{ string.digits }}", "0123456789"),
        ("{% for i, x in enumerate(['a', 'b']) %}{{ i }}{{ x }}{% endfor %}", "0a1b"),
        ("{{ zip([1], [2]) }}", "[(1, 2)]"),
        ("{{ [1, 2] | map('string') }}", "['1', '2']"),
        ("{{ agent | attr('name') }}", "Ada"),
        ("{{ {'append': 1, 'pop': 2}.pop }}", "2"),
        ("{{ {'_x': 1}._x }}", "1"),
        ("{{ {'items': 1}['items'] }}", "1"),
        ("{{ [3] | random }}{{ [] | random }}", "3"),
        ("{% set s = 'kept' %}{% for i in [1] %}{{ s }}{% endfor %}", "kept"),
        ("{{ datetime.datetime(2024, 1, 2).strftime('%d.%m.%Y') }}", "02.01.2024"),
        ("{% set docs %}{{ docs | length }}{% endset %}{{ docs }}", "2"),
    ],
)
def test_the_language_of_expressions_is_there_too(template: str, text: str):
    assert render(template, CONTEXT) == text


def test_the_examples_of_the_old_documentation_work():
    template = (
        "You are {{ agent.name }}.\n{% if user %}User: {{ user.name }}{% endif %}\n"
        "{% for doc in docs %}\n{{ doc.title }}: {{ doc.content | join(' ') }}\n{% endfor %}\n"
        "{%- if metadata.topic %}Topic: {{ metadata.topic | default('none') | title }}{% endif %}"
    )
    assert render(template, CONTEXT) == "You are Ada.\nUser: BoT1: one two\nT2: three\nTopic: Tea"


ERRORS = [
    ("{{ name", "Template syntax error: unexpected end of template, expected 'end of print statement'.", 1, "render_templates: false"),
    ("ok\n{% if x %}\n", "Template syntax error: Unexpected end of template.", 2, "render_templates: false"),
    ("\n\n{{ 1 | upperr }}", "Template syntax error: No filter named 'upperr'. Did you mean 'upper'?", 3, "{% raw %}"),
    ("{{ 1 is nme }}", "Template syntax error: No test named 'nme'.", 1, "{% raw %}"),
    ("\n{% include 'a' %}", "Template syntax error: include is not supported: a template stands alone", 2, "{% raw %}"),
    ("\n{{ usr.name }}", "Template undefined variable: usr", 2, "Did you mean 'user'? There are: agent, user"),
    ("{{\n\nagent.nme.first }}", "Template undefined variable: agent.nme", 3, "Did you mean 'name'? There are: name, about"),
    ("{{ users[7].name }}", "Template undefined variable: users[7]", 1, "render_templates: false"),
    ("{{ agent['x y'].z }}", "Template undefined variable: agent.x y", 1, "There are: name"),
    ("{{ users | first | attr('q') + 1 }}", "Template undefined variable: q", 1, "There are: name, age"),
    ("{{ missing | abs }}", "Template undefined variable: missing", 1, None),
    ("{{ missing | round }}", "Template undefined variable: missing", 1, None),
    ("{{ missing | tojson }}", "Template undefined variable: missing", 1, None),
    ("a\n{{ 1 / 0 }}", "Template rendering error: division by zero", 2, "render_templates: false"),
    ("a\n{{ 'a' + 1 }}", "Template rendering error: TypeError: can only concatenate str", 2, None),
    ("{% for x in none %}{% endfor %}", "Template rendering error: null can't be looped over: a list, dict or text is needed", 1, None),
    ("{{ agent() }}", "Template rendering error: a value of type dict can't be called like a function", 1, None),
    ("{{ 'a' | center('b') }}", "Template rendering error: TypeError", 1, None),
    ("{{ 'a' | upper(1, 2) }}", "Template rendering error: TypeError: str.upper() takes no arguments", 1, None),
    ("{{ len() }}", "Template rendering error: len() was called with the wrong arguments", 1, None),
    ("{{ users.append(1) }}", "Template rendering error: append() changes a value in place", 1, None),
    ("{% set agent.x = 1 %}", "Template rendering error: only a namespace() can be given attributes", 1, None),
    ("{% set a, b = 1, 2, 3 %}", "Template rendering error: 2 names need as many values", 1, None),
    ("{% macro f(a) %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ f(1) }}", "Template rendering error: division by zero", 2, None),
    ("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "Template rendering error: macro 'f' was given 1 values too many", 1, None),
    ("{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", "Template rendering error: macro 'f' takes no argument named 'b'", 1, None),
    ("{{ 9 ** 9000 }}", "Template rendering error: a number of over 4,300 digits can't be read or written", 1, None),
    ("{{ " + "9" * 5000 + " }}", "Template syntax error: a number of over 4,300 digits can't be read or written", None, None),
    ("{{ 'x' | truncate(1) }}", "Template rendering error: truncate(): the length must be at least 3", 1, None),
    ("{{ [1] | map('nope') }}", "Template rendering error: No filter named 'nope'.", 1, None),
    ("{{ [1] | select('nope') }}", "Template rendering error: No test named 'nope'.", 1, None),
]  # fmt: skip


@pytest.mark.parametrize(("template", "message", "line", "hint"), ERRORS)
def test_an_error_says_what_where_and_what_to_do(template: str, message: str, line: int | None, hint: str | None):
    with pytest.raises(InvalidRequest) as caught:
        render(template, CONTEXT, where="session.system_template")
    error = caught.value
    problem = error.details[0]
    assert problem.msg.startswith(message)
    assert error.message == (problem.msg if line is None else f"{problem.msg} (line {line})")
    assert (problem.loc, problem.line) == ("session.system_template", line)
    assert error.http_status == 400
    assert (hint or "") in (problem.hint or "")


def test_a_template_can_be_checked_without_its_context():
    check("{{ anything.at_all }}", where="agent.default_system_template")
    with pytest.raises(InvalidRequest, match="No filter named 'nope'") as caught:
        check("{{ x | nope }}", where="agent.default_system_template")
    assert caught.value.details[0].loc == "agent.default_system_template"


@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool", "developer"])
def test_the_content_of_a_message_of_any_role_is_rendered(role: str):
    assert render_message({"role": role, "content": "Hi {{ user.name }}"}, CONTEXT) == {
        "role": role,
        "content": "Hi Bo",
    }


def test_parts_are_rendered_and_what_is_no_text_is_not():
    data = "data:image/png;base64,{{ user.name }}"
    call = {"id": "{{ n }}", "type": "function", "function": {"name": "f", "arguments": '{"a": "{{ n }}"}'}}
    message: dict[str, Any] = {
        "role": "user",
        "name": "{{ user.name }}",
        "tool_call_id": "{{ n }}",
        "tool_calls": [call],
        "metadata": {"deep": ["{{ n }}", 1, None]},
        "content": [
            {"type": "{{ n }}", "text": "a {{ n }}"},
            {"type": "image_url", "image_url": {"url": data, "detail": "{{ n }}"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/{{ user.name }}"}},
        ],
    }
    before = repr(message)
    assert render_message(message, CONTEXT) == {
        "role": "user",
        "name": "Bo",
        "tool_call_id": "{{ n }}",
        "tool_calls": [call],
        "metadata": {"deep": ["7", 1, None]},
        "content": [
            {"type": "{{ n }}", "text": "a 7"},
            {"type": "image_url", "image_url": {"url": data, "detail": "{{ n }}"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/Bo"}},
        ],
    }
    assert repr(message) == before


def test_the_error_of_a_message_says_which_text():
    message = {"role": "user", "content": [{"type": "text", "text": "fine"}, {"type": "text", "text": "a\n{{ x.y }}"}]}
    with pytest.raises(InvalidRequest) as caught:
        render_message(message, {}, where="messages[2]")
    problem: Problem = caught.value.details[0]
    assert (problem.loc, problem.line) == ("messages[2].content[1].text", 2)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text(max_size=9).filter(lambda text: "{" not in text)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_a_message_without_templates_is_returned_itself(message: dict[str, Any]):
    assert render_message(message, {}) is message


def test_a_message_has_a_bounded_depth():
    content: Any = "{{ n }}"
    for _ in range(2000):
        content = [content]
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        render_message({"role": "user", "content": content}, CONTEXT)


def test_what_is_made_can_be_stored():
    assert render("{{ '\\ud800' }}a{{ '\\x00' }}b", {}) == "\ufffdab"
    with pytest.raises(InvalidRequest, match="undefined variable: ") as caught:
        render("{{ agent['\\ud800'].x }}", {"agent": {"\ud801": 1}})
    problem = caught.value.details[0]
    assert (problem.msg, (problem.hint or "")[:13]) == (
        "Template undefined variable: agent.\ufffd",
        "There are: \ufffd.",
    )


def test_single_braces_are_text():
    text = '{"a": {"b": [1]}} } { } %} #} }} { { {x}'
    assert render(text, {}) is text


@given(st.text(alphabet="{}%#'\"|.()[] \n\\axn1-+~_:,\u20ac\U0001f600", max_size=60))
def test_any_text_is_rendered_or_refused(text: str):
    try:
        found = render("{{" + text, CONTEXT)
    except InvalidRequest as error:
        found = error.message
    assert isinstance(found, str)


def test_threads_share_the_cache_and_nothing_else():
    found: list[list[str]] = []

    def work(number: int) -> None:
        found.append(
            [render(f"{{% set a = n %}}{{{{ a }}}}{{# {i % 7} #}}", {"n": number * 1000 + i}) for i in range(200)]
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=lambda texts: int(texts[0])) == [
        [str(number * 1000 + i) for i in range(200)] for number in range(4)
    ]


def test_the_cache_forgets_what_was_not_used_lately():
    from silvercup.chat.templates.budget import Limits
    from silvercup.chat.templates.parsing import Templates

    templates = Templates()
    first = templates.parse("{{ 'first' }}", Limits())
    assert templates.parse("{{ 'first' }}", Limits()) is first
    for number in range(30):
        templates.parse("{{ n }}" * 1000 + str(number), Limits())
    assert templates.parse("{{ 'first' }}", Limits()) is not first


def test_a_text_without_templates_imports_nothing():
    import subprocess
    import sys

    script = (
        "import sys; from silvercup.chat.templates import render_message;"
        "render_message({'role': 'user', 'content': 'Hi {there}'}, {});"
        "print([name for name in sys.modules if name.split('.')[0] in ('jinja2', 'markupsafe') or 'expressions' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
