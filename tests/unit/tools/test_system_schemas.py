"""The arguments of system tools against the bodies of the API, so that neither forgets what the other has."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from silvercup.http import models
from silvercup.tool_types import TOOL_TYPES
from silvercup.tools.system import agents, docs, users


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (models.AgentWrite, agents.FIELDS),
        (models.ToolWrite, agents.TOOL_FIELDS),
        (models.UserWrite, users.FIELDS),
        (models.DocWrite, docs.FIELDS),
        (models.DocSearch, docs.SEARCH),
    ],
)
def test_the_fields_are_the_apis(model: type[BaseModel], fields: dict[str, Any]):
    assert fields.keys() == model.model_fields.keys()
    schema = model.model_json_schema()["properties"]
    for name, field in fields.items():
        api = _choices(schema[name])
        for bound in ("maxLength", "pattern", "minimum", "maximum"):
            if bound in field:
                assert field[bound] in {one.get(bound, field[bound]) for one in api}, (name, bound)


def test_the_types_of_tools_are_the_compilers():
    assert agents.TOOL_FIELDS["type"]["enum"] == list(TOOL_TYPES)


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("anyOf", [])]
