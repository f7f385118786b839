"""Ordinary templates mean what they mean in Jinja2."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError, UndefinedError

from silvercup.chat.templates import render
from silvercup.chat.templates.checks import TESTS
from silvercup.chat.templates.filters import FILTERS
from silvercup.errors import InvalidRequest

from .jinja import CONTEXT, ENVIRONMENT, expected

EXPRESSIONS = [
    # names, attributes, items
    "agent.name", "agent['name']", "agent.metadata.level", "user.metadata.tags[0]", "user.metadata.tags[-1]", "user.metadata.tags[9]",
    "agent.nothing", "nothing", "nothing.name", "missing", "numbers[1:3]", "numbers[::-1]", "words[:9]", "words[4:][:5]", "metadata.topic",
    "metadata['items']", "yes", "no", "n", "x", "agent['about'].upper()", "users[0]['name']", "numbers.0", "users.1.name",
    # operators
    "n + 1", "n - 10", "n * 3", "n / 2", "n // 2", "n % 4", "n ** 3", "-n", "+n", "not n", "n + x", "'a' + 'b'", "[1] + [2]", "'ab' * 3",
    "n ~ '!' ~ none ~ missing ~ [1]", "'%s is %d' % ('a', 3)", "'%(a)s' % {'a': 1}", "1 + 2 * 3 - 4", "2 ** 3 ** 2", "(1 + 2) * 3", "- 2 ** 2",
    "n > 3 and x < 3", "n > 9 or 'else'", "missing or 'there'", "not missing", "1 < n < 10", "1 < n > 10", "n == 7", "n != 7", "n >= 7", "n <= 6",
    "'quick' in words", "7 in numbers", "3 not in numbers", "'name' in agent", "n in [1, 7]", "missing == other", "missing == ''", "none == none",
    "'a' if n else 'b'", "'a' if no", "('a' if no) is undefined", "'a' if no else 'b' if yes else 'c'", "1 == 1.0", "true", "false", "none",
    "True", "None", "[]", "{}", "()", "(1,)", "(1, 2)", "{'a': 1, 'b': [2]}", "{'a': 1}.a", "[1, 2][0]", "'x' 'y'", "1.5e3", "1_000", "0x1f", "0b11",
    # methods
    "'a,b'.split(',')", "' a '.strip()", "'abc'.replace('b', 'x')", "', '.join(['a', 'b'])", "agent.get('name')", "agent.get('nope', 'd')",
    "agent.keys() | list", "metadata.values() | list", "user.metadata.items() | list", "'abc'.startswith('a')", "'abc'.find('c')", "'a'.center(5) ~ '|'",
    "numbers.count(3)", "numbers.index(2)", "'{} {} {x}'.format(1, 'b', x=2)", "'{0}{0}'.format('a')", "'{:>6.2f}|'.format(x)", "'{:,}'.format(1234567)",
    "'{!r}'.format('a')", "'{{}}'.format()", "'title case'.title()", "'7'.zfill(3)", "'abc'.isalpha()", "(7).bit_length()", "'a-b'.partition('-')",
    # globals
    "range(3) | list", "range(1, 10, 3) | list", "dict(a=1, function=2, meter=3)", "dict(a=1).a", "NEWLINE", "namespace(a=1).a", "namespace({'a': 2}, function=1).function",
    # filters
    "missing | default('d')", "'' | default('d', true)", "'' | default('d')", "missing | d", "users | length", "words | count", "missing | length",
    "'hello world' | capitalize", "'Hello' | upper", "'Hello' | lower", "words | title", "'hello-world (again)' | title", "'  x ' | trim", "'xxaxx' | trim('x')",
    "'abc' | center(9) ~ '|'", "words | replace('the', 'a')", "words | replace('the', 'a', 1)", "words | truncate(20)", "words | truncate(20, true)",
    "words | truncate(20, false, '>', 0)", "words | truncate(50)", "words | wordcount", "words | wordwrap(10)", "words | wordwrap(10, wrapstring='/')",
    "'abcdefghijkl' | wordwrap(5)", "'abcdefghijkl' | wordwrap(5, false)", "words | indent", "words | indent(2, true)", "'a\n\nb' | indent(1, blank=true)", "words | indent('> ')",
    "words | striptags", "'<a href=\"x\">b</a> &amp; <!-- c --> d' | striptags", "'<&\">' ~ \"'\" | escape", "'<b>' | e", "'a' | safe", "5 | string",
    "'%s-%s' | format('a', 1)", "'%(a)s' | format(a=1)", "words | urlencode", "{'a b': 'c&d', 'e': 1} | urlencode", "agent | tojson", "[1, 'a<b>', none, true] | tojson",
    "{'b': 1, 'a': {'c': \"it's & <i>\"}} | tojson(indent=2)", "'\u00e4' | tojson", "numbers | join", "numbers | join(', ')", "users | join('/', attribute='name')",
    "words | list | length", "numbers | first", "numbers | last", "'abc' | first", "'abc' | last", "[] | first", "[] | last", "numbers | sum", "users | sum(attribute='age')",
    "numbers | sum(start=100)", "numbers | min", "numbers | max", "users | max(attribute='age')", "['b', 'A', 'c'] | min", "['b', 'A', 'c'] | max(case_sensitive=true)", "[] | max",
    "numbers | sort", "numbers | sort(reverse=true)", "['b', 'A', 'c'] | sort", "['b', 'A', 'c'] | sort(case_sensitive=true)", "users | sort(attribute='name') | map(attribute='name') | list",
    "users | sort(attribute='age,name') | map(attribute='name') | list", "numbers | unique | list", "['a', 'A', 'b'] | unique | list", "users | unique(attribute='age') | map(attribute='name') | list",
    "users | map(attribute='name') | list", "users | map(attribute='zip', default='-') | list", "['a', 'b'] | map('upper') | list", "users | map(attribute='tags.0') | list | length",
    "[' a '] | map('trim') | join", "['a'] | map('replace', 'a', 'b') | join", "numbers | select('odd') | list", "numbers | select('gt', 2) | list", "numbers | reject('odd') | list",
    "[0, 1, '', 'a'] | select | list", "[0, 1, '', 'a'] | reject | list", "users | selectattr('active') | map(attribute='name') | list", "users | rejectattr('active') | map(attribute='name') | list",
    "users | selectattr('age', 'equalto', 30) | map(attribute='name') | list", "users | selectattr('name', 'in', ['Bo']) | list | length", "users | rejectattr('age', '>=', 30) | list | length",
    "numbers | batch(2) | list", "numbers | batch(2, 0) | list", "numbers | slice(2) | list", "numbers | slice(3, 'x') | list", "agent | dictsort | length", "{'b': 1, 'A': 2} | dictsort",
    "{'b': 1, 'A': 2} | dictsort(true)", "{'b': 1, 'A': 2} | dictsort(by='value', reverse=true)", "{'b': 1} | items | list", "missing | items | list", "'abc' | reverse", "numbers | reverse | list",
    "x | round", "x | round(1)", "x | round(1, 'floor')", "x | round(1, 'ceil')", "7 | round", "'42' | int", "'4.7' | int", "'q' | int", "'q' | int(9)", "'ff' | int(base=16)", "'0x1f' | int(0, 16)",
    "'1.5' | float", "'q' | float", "'q' | float(2.5)", "-3 | abs", "(-3) | abs", "1 | filesizeformat", "13000 | filesizeformat", "13000 | filesizeformat(true)", "4100000 | filesizeformat", "999 | filesizeformat", "1e30 | filesizeformat",
    "users | groupby('city') | map('first') | list", "users | groupby('city') | map('last') | map('length') | list", "users | groupby('age') | length", "users | groupby('zip', default='none') | map('first') | list",
    "missing | upper", "missing | list", "missing | join", "missing | trim", "missing | first", "missing | sort", "none | string", "none | upper", "numbers | map('string') | join('+')", "users | map(attribute='city') | map('lower') | unique | join(',')",
    # tests
    "missing is defined", "agent is defined", "missing is undefined", "nothing is none", "yes is true", "no is false", "yes is boolean", "n is integer", "x is float", "n is number", "yes is number", "words is string",
    "agent is mapping", "numbers is sequence", "agent is sequence", "n is sequence", "numbers is iterable", "n is iterable", "missing is iterable", "range is callable", "n is callable", "n is sameas n", "n is odd", "n is even", "n is divisibleby 7", "n is divisibleby(3)",
    "'a' is lower", "'A' is upper", "3 is in numbers", "3 is not in numbers", "n is eq 7", "n is ne 7", "n is gt 3", "n is greaterthan 3", "n is ge 7", "n is lt 3", "n is lessthan 3", "n is le 7", "n is not odd", "missing is not defined", "'a' is sameas 'a'",
]  # fmt: skip

TEMPLATES = [
    "plain text",
    "Hello {{ user.name }}!\n",
    "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "  {% if no %}x{% elif n == 7 %}y{% else %}z{% endif %}  end",
    "{% for u in users %}{{ loop.index }}/{{ loop.length }} {{ u.name }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for u in users %}{{ loop.first }}{{ loop.last }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for u in users if u.active %}{{ loop.index }}{{ loop.length }}{{ u.name }}{% else %}none{% endfor %}",
    "{% for u in users if u.age > 99 %}{{ u.name }}{% else %}none{% endfor %}",
    "{% for u in missing %}x{% else %}empty{% endfor %}",
    "{% for c in 'abc' %}{{ loop.cycle('odd', 'even') }}{{ c }}{% endfor %}",
    "{% for u in users %}{{ loop.previtem.name if loop.previtem is defined }}<{{ u.name }}>{{ loop.nextitem.name if loop.nextitem is defined }};{% endfor %}",
    "{% for n in numbers %}{% if loop.changed(n) %}{{ n }}{% endif %}{% endfor %}",
    "{% for k, v in agent.metadata.items() %}{{ k }}={{ v }}{% endfor %}",
    "{% for k, v in agent | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in agent %}{{ k }};{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for item in tree recursive %}{{ loop.depth }}{{ item.name }}[{{ loop(item.children) }}]{% endfor %}",
    "{% for item in tree recursive %}{{ item.name }}{% if item.children %}({{ loop(item.children) }}){% endif %}{% else %}-{% endfor %}",
    "{% for a in [1, 2] %}{% for b in [3, 4] %}{{ loop.index }}{{ a }}{{ b }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }}{% endfor %}{{ a }}",
    "{% set a = 1 %}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}",
    "{% set ns = namespace(total=0) %}{% for i in numbers %}{% set ns.total = ns.total + i %}{% endfor %}{{ ns.total }}",
    "{% set ns = namespace(n=0) %}{% for i in numbers if ns.n < 2 %}{% set ns.n = ns.n + 1 %}{{ i }}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a = [1] + [2] %}{{ a | join }}",
    "{% set text %}<{{ n }}>{% endset %}{{ text }}{{ text | length }}",
    "{% set text | upper | replace('B', '-') %}abc{% endset %}{{ text }}",
    "{% filter upper %}abc {{ user.name }}{% endfilter %}",
    "{% filter upper | replace('B', 'x') %}abc{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}",
    "{% set a = 5 %}{% with a = a + 1 %}{{ a }}{% set a = 9 %}{% endwith %}{{ a }}",
    "{% macro hi(name, mark='!') %}Hi {{ name }}{{ mark }}{% endmacro %}{{ hi('A') }}{{ hi('B', '?') }}{{ hi(name='C') }}{{ hi('D', mark='.') }}{{ hi() }}",
    "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}",
    "{% macro f(function, meter) %}{{ function }}{{ meter }}{% endmacro %}{{ f(meter=1, function=2) }}",
    "{% macro f(x) %}{{ caller() }}{{ x }}{% endmacro %}{% call f(1) %}body{% endcall %}",
    "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}-{{ b }}{% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% macro count(n) %}{{ n }}{% if n > 0 %}{{ count(n - 1) }}{% endif %}{% endmacro %}{{ count(5) }}",
    "{% set top = 1 %}{% macro f() %}{{ top }}{% endmacro %}{% set top = 2 %}{{ f() }}",
    "{% block a %}x{{ n }}{% endblock %}y",
    "{% for i in [1, 2] %}{% block a scoped %}{{ i }}{% endblock %}{% endfor %}",
    "{% for i in [1, 2] %}{% block a %}{{ i is defined }}{% endblock %}{% endfor %}",
    "{% set a = 1 %}{% block a %}{{ a }}{% set a = 2 %}{% endblock %}{{ a }}",
    "{# a comment #}text{# another\n over lines #}",
    "{% raw %}{{ not rendered }} {% if %}{% endraw %}",
    "a {{- ' b ' -}} c",
    "a\n    {%- if yes -%}\n   b\n   {%- endif %}\n c",
    "    {%+ if yes %}x{% endif %}",
    "{{ '{{' }} {{ '%}' }}",
    "{% print n %}",
    "{% for g in users | groupby('city') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join('+') }} {% endfor %}",
    "{% for city, people in users | groupby('city') %}{{ city }}{{ people | length }}{% endfor %}",
    "{% for row in numbers | batch(2, '-') %}{{ row | join(' ') }}\n{% endfor %}",
    "{% set sep = joiner('; ') %}{% for u in users %}{{ sep() }}{{ u.name }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{% set ignored = c.reset() %}{{ c.current }}",
    "{{ f(*[1, 2], **{'end': 3}) if f is defined else range(*[1, 5, 2]) | list }}",
    "{% set items = ['a', 'b'] %}{% for i in items %}{{ i }}{% if loop.index == 1 %}, {% endif %}{% endfor %}",
    "{% set xs = [] %}{% for n in numbers %}{% set xs = xs + [n] %}{% endfor %}{{ xs }}",
    "\u00fcn\u00efcode \U0001f600 {{ '\u00fc' }}{{ '\\u00fc' }}",
    "line one\r\nline two\r{{ n }}\n",
    "{% if users | selectattr('active') | list %}some{% endif %}",
    "{{ numbers | select('odd') | map('string') | join(',') }}",
    "{%- for m in docs %}\n- {{ m.title }}\n  {%- for c in m.content %}\n  * {{ c }}\n  {%- endfor %}\n{%- endfor %}",
    "{% for i in range(3) %}{% for j in range(i) %}{{ i * j }}{% else %}none{% endfor %};{% endfor %}",
    "{{ 'yes' if agent.name == 'Ada' and user is not none else 'no' }}",
    "{% set a = 1 if n else 2 %}{{ a }}{% set b = a %}{{ b }}",
    "{% for x in [1, 2, 3] %}{% if x == 2 %}{% set found = x %}{% endif %}{{ found }}{% endfor %}",
    "{% macro m(x) %}{% for i in x %}{{ i }}{% if i is iterable %}{{ m(i) }}{% endif %}{% endfor %}{% endmacro %}{{ m([1, [2, [3]]]) }}",
]  # fmt: skip


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_an_expression_means_what_it_means_in_jinja(source: str):
    template = f"<{{{{ {source} }}}}>"
    assert render(template, CONTEXT) == expected(template)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_means_what_it_means_in_jinja(template: str):
    assert render(template, CONTEXT).rstrip("\n") == expected(template).rstrip("\n")


UNDEFINED = [
    "missing.name", "missing['name']", "missing + 1", "1 + missing", "missing < 1", "missing()", "-missing", "agent.nope.deeper", "nothing.name.first",
    "missing | int", "missing | dictsort", "missing.upper()", "agent.nope()", "user.metadata.tags[9].x", "missing[0]", "missing[1:]",
    "missing % 2", "missing is odd", "missing is gt 3", "[missing.x]", "missing * 2", "missing ** 2", "missing - 1", "missing // 1", "missing / 1", "users | map(attribute='nope.x') | list",
]  # fmt: skip


@pytest.mark.parametrize("source", UNDEFINED)
def test_what_is_undefined_in_jinja_is_undefined_here(source: str):
    template = f"{{{{ {source} }}}}"
    with pytest.raises(UndefinedError):
        expected(template)
    with pytest.raises(InvalidRequest, match=r"^Template undefined variable: [^ ]+ \(line 1\)$"):
        render(template, CONTEXT)


BROKEN = [
    "{{", "{{ }}", "{% if %}", "{% if yes %}", "{% endif %}", "{% for x in %}{% endfor %}", "{{ a b }}", "{{ 'open }}", "{% nonsense %}", "{{ n | }}", "{{ n is }}", "{{ (1 }}", "{# open",
    "{% set %}", "{% for loop in numbers %}{% endfor %}", "{{ n | nonsense }}", "{{ n is nonsense }}", "{% macro %}{% endmacro %}", "{{ f(a=1, 2) }}", "{{ [1, }}", "{{ {'a'} }}", "{{ 1 = 2 }}",
    "{{ n! }}", "{% block a %}{% endblock %}{% block a %}{% endblock %}", "{% if yes %}{% endfor %}", "{{ $x }}", "{% do numbers %}", "{% call 1 %}{% endcall %}", "{% set none = 1 %}", "{% with a %}{% endwith %}",
]  # fmt: skip


@pytest.mark.parametrize("template", BROKEN)
def test_what_jinja_refuses_is_refused(template: str):
    with pytest.raises(TemplateError):
        expected(template)
    with pytest.raises(InvalidRequest, match=r"^Template syntax error: "):
        render(template, CONTEXT)


GIVEN = ["a", "b", "c"]
SET = st.sampled_from(["s", "t"])
"""Others than those of the context: in Jinja2 a name that is set later can't be read before from an inner scope, even when the
context has it, which is hardly meant."""
NAME = st.sampled_from([*GIVEN, "s", "t"])
LITERAL = st.sampled_from(
    ["1", "0", "-2", "2.5", "'x'", "''", "'aB c'", "true", "none", "[]", "[1, 2]", "['b', 'A']", "{'k': 1}", "missing"]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+ - * ~ == != and or in".split()), inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("{}.k".format, NAME),
        st.builds("{}[{}]".format, NAME, inner),
        st.builds(
            "({} | {})".format,
            inner,
            st.sampled_from(
                "string upper title length list first last join default('d') int trim unique|list sort reverse|list capitalize"
                " join('-') string|truncate(99,true,'') string|list string|replace('a','b') wordcount min max sum".split()
            ),
        ),
        st.builds(
            "({} is {})".format, inner, st.sampled_from("defined none string number mapping iterable sequence".split())
        ),
    )


EXPRESSION = st.recursive(st.one_of(NAME, LITERAL), _combined, max_leaves=6)


def _statements(body: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, body, body),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, EXPRESSION, body, body),
        st.builds("{{% for {} in [1, 2, 3] %}}{{{{ loop.index }}}}{}{{% endfor %}}".format, NAME, body),
        st.builds("{{% for {} in {} %}}{}{{% else %}}{}{{% endfor %}}".format, NAME, EXPRESSION, body, body),
        st.builds("{{% for {} in [1, 2, 3] if {} %}}{}{{% endfor %}}".format, NAME, EXPRESSION, body),
        st.builds("{{% with {} = {} %}}{}{{% endwith %}}".format, NAME, EXPRESSION, body),
        st.builds("{{% set {} %}}{}{{% endset %}}".format, SET, body),
        st.builds("{{% filter upper %}}{}{{% endfilter %}}".format, body),
        st.builds("{{% macro m({}) %}}{}{{% endmacro %}}{{{{ m({}) }}}}".format, NAME, body, EXPRESSION),
    )


TEMPLATE = st.recursive(
    st.one_of(
        st.builds("{{{{ {} }}}}".format, EXPRESSION),
        st.builds("{{% set {} = {} %}}".format, SET, EXPRESSION),
        st.sampled_from(["text", "\n", "  ", "{# comment #}", "a\n  "]),
    ),
    _statements,
    max_leaves=8,
)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "x", "aB c"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_ODD = re.compile(r"<[a-z]", re.IGNORECASE)
"""Jinja2 prints iterators as Python does."""


def _outcome(make: Any) -> str | None:
    try:
        return make()
    except (TemplateError, InvalidRequest):
        return None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return None


@given(TEMPLATE, st.fixed_dictionaries({}, optional=dict.fromkeys(GIVEN, VALUE)))
def test_any_template_means_what_it_means_in_jinja(template: str, context: dict[str, Any]):
    wanted = _outcome(lambda: expected(template, context))
    if wanted is not None and not _ODD.search(wanted):
        assert _outcome(lambda: render(template, context).rstrip("\n")) == wanted.rstrip("\n")


def test_every_filter_and_test_of_jinja_is_there_but_those_that_say_nothing_of_a_value():
    assert set(ENVIRONMENT.filters) - set(FILTERS) == {"pprint", "urlize", "xmlattr"}
    assert set(ENVIRONMENT.tests) - set(TESTS) == {"escaped", "filter", "test"}
    assert not set(FILTERS) - set(ENVIRONMENT.filters)
    assert not set(TESTS) - set(ENVIRONMENT.tests)
