"""The text of the default system template, without a template engine: most chats need no other, and none is imported for it.

What it says is what ``resources.default_template`` says; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from silvercup.values import JsonObject


def default_system(context: Mapping[str, Any]) -> str | None:
    """The system message that the default template makes of a context.

    Args:
        context: What templates see; see ``assembly.context_of``.

    Returns:
        None where a value is of a kind that the template engine shows in its own way: then that has to be asked.
    """
    agent, user, session = context["agent"], context["user"], context["session"]
    shown = [agent["name"], agent["about"], session["situation"], *agent["instructions"]]
    if user:
        shown += [user["name"], user["about"]]
    if not all(text is None or isinstance(text, str) for text in shown):
        return None
    return "".join(_parts(agent, user, session, context["docs"]))


def _parts(agent: JsonObject, user: JsonObject | None, session: JsonObject, docs: list[JsonObject]) -> Iterator[str]:
    if agent["name"]:
        yield f"You are {agent['name']}. "
    if agent["about"]:
        yield f"About you: {agent['about']}. "
    if user:
        yield "You are talking to a user"
        if user["name"]:
            yield f"  and their name is {user['name']}"
            yield f". About the user: {user['about']}." if user["about"] else "."
    yield "\n"
    if session["situation"]:
        yield f"Situation: {session['situation']}"
    yield "\n\n"
    if agent["instructions"]:
        yield "Instructions:\n"
        yield from (f"- {instruction}\n" for instruction in agent["instructions"])
        yield "\n"
    if docs:
        yield "Relevant documents:\n"
        for doc in docs:
            yield f"{doc['title']}\n"
            yield from (f"{snippet}\n" for snippet in doc["content"])
            yield "---"
