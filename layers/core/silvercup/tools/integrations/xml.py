"""XML as JSON values, for expressions: without document types, so that nothing is expanded or loaded."""

from __future__ import annotations

from xml.parsers import expat

from silvercup.values import JsonObject

_MAX_DEPTH = 50


def read_xml(body: bytes) -> JsonObject:
    """Read a document.

    Returns:
        The root as a node: ``text`` is its text, each other key the local name of child elements with the list of their nodes, or
        ``@`` and the name of an attribute with its value.

    Raises:
        ValueError: It is not well formed, has a document type, or is nested too deeply; says which.
    """
    top: JsonObject = {"text": ""}
    stack = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > _MAX_DEPTH:
            raise ValueError("XML that is nested too deeply")
        node: JsonObject = {"text": "", **{f"@{_local(key)}": value for key, value in attributes.items()}}
        stack[-1].setdefault(_local(name), []).append(node)
        stack.append(node)

    def end(_: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        stack[-1]["text"] += data

    def doctype(*_: object) -> None:
        raise ValueError("XML that has a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError(f"XML that is not well formed (line {error.lineno})") from None
    return next(nodes[0] for name, nodes in top.items() if name != "text")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
