"""Write the API events of template.yaml as ``http/routing.gateway`` says: ``python scripts/events.py``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "layers" / "core"), str(ROOT)]

from silvercup.http.routing import gateway  # noqa: E402

_WORDS = {"": "Root", "{id}": "One", "{child_id}": "Child", "{part_id}": "Part", "{proxy+}": "Rest"}
_VERBS = {"GET": "", "POST": "Post", "DELETE": "Delete", "PUT": "Put", "PATCH": "Patch", "ANY": ""}


def _name(method, path):
    if path == "/{proxy+}":
        return "Everything"
    parts = path.strip("/").split("/")
    words = [_WORDS.get(part) or "".join(word.capitalize() for word in re.split(r"\W", part)) for part in parts]
    return _VERBS[method] + "".join(words)


def _event(method, path, function):
    shown = f'"{path}"' if "{" in path else path
    more = ", ResponseTransferMode: RESPONSE_STREAM, TimeoutInMillis: 900000" if function == "stream" else ""
    head = f"        {_name(method, path)}:\n          Type: Api\n"
    return f"{head}          Properties: {{ RestApiId: !Ref RestApi, Path: {shown}, Method: {method}{more} }}\n"


def _depth(route):
    return route[1].count("{"), route[1], route[0]


def main():
    path = ROOT / "template.yaml"
    text = path.read_text(encoding="utf-8")
    told = gateway()
    for resource, function in (("ApiFunction", "api"), ("StreamFunction", "stream")):
        begin = text.index("      Events:\n", text.index(f"\n  {resource}:\n")) + len("      Events:\n")
        end = begin + re.search(r"^ {0,7}\S", text[begin:], re.MULTILINE).start()
        while text[end - 2 : end] == "\n\n":
            end -= 1
        events = "".join(_event(*route, function) for route in sorted(told, key=_depth) if told[route] == function)
        text = text[:begin] + events + text[end:]
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
