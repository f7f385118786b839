"""Descriptions of providers, forms with files, and Cloudinary's writing."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from silvercup.errors import ToolFailed
from silvercup.tools.functions import function_of
from silvercup.tools.integrations.cloudinary import upload
from silvercup.tools.integrations.multipart import decoded, multipart
from silvercup.tools.integrations.provider import available, described, later
from tests.support.integrations import form_of
from tests.support.tool_server import Seen

PAGE = Path(__file__).parents[3] / "docs" / "integrations.md"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def method_names(provider: str) -> list[str]:
    return list(described({"provider": provider})[0].methods)


def test_the_page_lists_what_runs_and_what_does_not():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| `")]
    listed = {row[1].strip("`"): [name.strip(" `") for name in row[2].split(",")] for row in rows}
    assert listed == {name: method_names(name) for name in available()}
    assert not set(later()) & set(available())
    (line,) = [line for line in lines if line.startswith("v1's other providers")]
    assert all(f"`{name}`" in line for name in later())


@pytest.mark.parametrize("provider", [*available(), *later()])
def test_arguments_are_described_as_json_schema(provider: str):
    for method in method_names(provider):
        tool = {"name": "a", "type": "integration", "integration": {"provider": provider, "method": method}}
        parameters = function_of(tool)["function"]["parameters"]
        Draft202012Validator.check_schema(parameters)
        assert set(parameters.get("required", ())) <= parameters["properties"].keys()
        assert all("description" in schema for schema in parameters["properties"].values())


@given(
    name=st.sampled_from(["a", "files", "x[y]"]),
    filename=TEXT.filter(bool),
    content=st.binary(max_size=300),
    value=TEXT,
)
def test_forms_come_apart_as_they_were_put_together(name: str, filename: str, content: bytes, value: str):
    file = {"filename": filename, "base64": base64.b64encode(content).decode()}
    body, kind = multipart({name: file, "text": value, "nothing": None, "list": [1, True], "object": {"k": 1}})
    boundary = kind.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary + b"\r\n")[1:]
    head, _, rest = parts[0].partition(b"\r\n\r\n")
    assert head.count(b"\r\n") == 1
    assert rest == content + b"\r\n"
    others = [part.partition(b"\r\n\r\n") for part in parts[1:]]
    assert [other[2].partition(b"\r\n--" + boundary)[0].removesuffix(b"\r\n") for other in others[1:]] == [
        b"1",
        b"true",
        b'{"k":1}',
    ]
    assert others[0][2] == value.encode() + b"\r\n"


def test_a_form_is_what_others_read():
    body, kind = multipart({"a": "b", "f": {"filename": "ö.pdf", "base64": "YQ=="}})
    seen = Seen("POST", "/", {"content-type": kind}, body, [])
    assert [(name, content) for name, _, content in form_of(seen)] == [("a", b"b"), ("f", b"a")]
    assert b"Content-Type: application/pdf" in body


@given(content=st.binary(max_size=100), padded=st.booleans(), is_url=st.booleans())
def test_files_in_base64(content: bytes, padded: bool, is_url: bool):
    text = base64.encodebytes(content).decode()
    text = text if padded else text.replace("=", "")
    assert decoded(f"data:application/pdf;base64,{text}" if is_url else text, "it") == content


@pytest.mark.parametrize("text", ["a", "ä", "http://a.example", "YQ==YQ=="])
def test_files_that_are_not(text: str):
    with pytest.raises(ToolFailed, match="it is not base64"):
        decoded(text, "it")


def test_parameters_of_uploads_as_cloudinary_writes_them():
    setup = {"cloudinary_api_key": "k", "cloudinary_api_secret": "s", "cloudinary_cloud_name": "a/b"}
    params: dict[str, Any] = {
        "tags": ["a", "b"],
        "context": {"alt": "x=y|z"},
        "eager": [{"width": 1, "crop": "fit"}, "h_2"],
        "transformation": {"angle": 10},
        "overwrite": False,
        "folder": "",
    }
    made = upload(setup, {"file": "f", "public_id": "p", "upload_params": params}, {"api": "https://x.example"})
    assert made["url"] == "https://x.example/v1_1/a%2Fb/image/upload"
    fixed = {key: value for key, value in made["form"].items() if key not in {"timestamp", "signature"}}
    assert fixed == {
        "tags": "a,b",
        "context": "alt=x\\=y\\|z",
        "eager": "c_fit,w_1|h_2",
        "transformation": "a_10",
        "overwrite": "false",
        "public_id": "p",
        "file": "f",
        "api_key": "k",
    }
