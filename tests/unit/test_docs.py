"""The documentation is true: its tasks compile, its errors are the ones shown, its commands and links exist."""

from __future__ import annotations

import json
import re
import shlex
from itertools import batched

import pytest

from local.cli import _parser
from local.intrinsics import read_yaml as read_template
from local.template import TEMPLATE
from silvercup.errors import InvalidTask, Problem
from silvercup.expressions import compile_value
from silvercup.http.app import create_app
from silvercup.tools.definitions import problems_of
from statemachines import Context, Source, compile_task, read_yaml
from tests.support.snippets import KINDS, PAGES, ROOT, Snippet, snippets

SCOPE = {"_": {"name": "Ada", "n": 3, "tags": ["b", "a"]}}
"""What ``docs/tasks.md`` says that ``_`` is."""
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?]*)")


def ids(found: list[Snippet]) -> list[str]:
    return [str(snippet) for snippet in found]


def test_every_fence_is_of_a_kind_that_is_checked():
    assert [str(one) for one in snippets() if one.kind not in KINDS] == []
    assert len(snippets()) > 20


TASKS = snippets("yaml")
WRONG = list(batched(snippets("yaml wrong", "text problems"), 2))


@pytest.mark.parametrize("snippet", TASKS, ids=ids(TASKS))
def test_tasks_compile(snippet: Snippet):
    source = read_yaml(snippet.text.encode())
    if isinstance(source.value, list):
        source = Source({"name": "Snippet", "main": source.value})
    assert compile_task(source, Context(check_tool=problems_of, strict=True)).warnings == ()


@pytest.mark.parametrize(("wrong", "shown"), WRONG, ids=ids([wrong for wrong, _ in WRONG]))
def test_wrong_tasks_have_the_problems_that_are_shown(wrong: Snippet, shown: Snippet):
    assert (wrong.kind, shown.kind) == ("yaml wrong", "text problems")
    with pytest.raises(InvalidTask) as refused:
        compile_task(read_yaml(wrong.text.encode()), Context(check_tool=problems_of))
    assert [told(problem) for problem in refused.value.details] == shown.text.splitlines()


def told(problem: Problem) -> str:
    hint = f". {problem.hint}" if problem.hint else ""
    return f"line {problem.line}, {problem.loc}: {problem.msg}{hint}"


EXPRESSIONS = [line for snippet in snippets("text expressions") for line in snippet.text.splitlines()]


@pytest.mark.parametrize("line", EXPRESSIONS)
def test_expressions_have_the_values_that_are_shown(line: str):
    expression, _, value = line.rpartition(" -> ")
    assert compile_value(expression.rstrip()).evaluate(SCOPE) == json.loads(value)


@pytest.mark.parametrize("snippet", snippets("json"), ids=ids(snippets("json")))
def test_json_is_json(snippet: Snippet):
    json.loads(snippet.text)


COMMANDS = [(f"{one}: {line}", line) for one in snippets("sh") for line in one.text.splitlines() if line.strip()]


@pytest.mark.parametrize("line", [line for _, line in COMMANDS], ids=[name for name, _ in COMMANDS])
def test_commands_exist(line: str):
    words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    command, *rest = words
    match re.sub(r"^\.venv(-sam)?/bin/", "", command):
        case "make":
            assert set(rest) <= targets()
        case "silvercup":
            _parser().parse_args(rest)
        case "python":
            assert rest[:2] == ["-m", "bench"]
            assert all((ROOT / "bench" / f"{figure}.py").exists() for figure in rest[2:])
        case "pip":
            assert rest[0] == "install"
        case "sam":
            assert rest[0] in {"build", "deploy", "delete"}
        case _:
            pytest.fail(f"{command} is no command that the documentation may use")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in PAGES])
def test_links_lead_somewhere(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in _LINK.findall(text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (ROOT / page).parent / file if file else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{page} links to {target}"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_routes_of_the_api_page_are_the_routes_of_the_app():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## Sessions")[0]
    told = {(method.lower(), generic(path)) for method, path in _ROUTE.findall(page)}
    served = {
        (method, generic(path))
        for path, methods in create_app(lambda: None).openapi()["paths"].items()
        for method in methods
    }
    assert told == served | {("get", "/openapi.json")}


def generic(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{id}", path)


def test_every_variable_of_the_local_page_is_one_that_the_stack_reads():
    from local.stack import FROM_USER

    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(SILVERCUP_[A-Z_]+)`", page)) == set(FROM_USER)


def test_the_readme_tells_the_parameters_and_alarms_of_the_template():
    template = read_template(TEMPLATE.read_text(encoding="utf-8"))
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    told = page.partition("| parameter |")[2].partition("\n\n")[0]
    for name, parameter in template["Parameters"].items():
        assert f"`{name}`" in told, name
        default = f"{int(parameter['Default']):,}" if parameter["Type"] == "Number" else str(parameter["Default"])
        assert default in told or default in {"", "{}"}, name
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    numbers = dict(zip("zero one two three four five six seven eight nine".split(), range(10), strict=True))
    assert {numbers[word] for word in re.findall(r"(\w+) (?:CloudWatch )?alarms\b", page) if word in numbers} == {
        kinds.count("AWS::CloudWatch::Alarm")
    }
    for word, kind in (("functions", "AWS::Serverless::Function"), ("tables", "AWS::DynamoDB::Table")):
        assert {numbers[found] for found in re.findall(rf"(\w+) {word}\b", page) if found in numbers} == {
            kinds.count(kind)
        }


def test_functions_of_the_language_are_all_told():
    from silvercup.expressions.modules import GLOBALS

    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    section = page.partition("### Functions and modules")[2].partition("## Steps")[0]
    assert set(re.findall(r"`(\w+)`", section)) - {"lambda", "_"} == set(GLOBALS)
