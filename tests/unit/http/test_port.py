"""The container has what the routes call; the types are checked by pyright, the rest here."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from silvercup.container import Container
from silvercup.http import services

if TYPE_CHECKING:

    def matches(container: Container) -> services.Services:
        class Matched:
            agents = container.agents
            chat = container.chat
            doc_search = container.doc_search
            docs = container.docs
            embedder = container.embedder
            history = container.history
            executions: services.ExecutionService = container.executions
            files = container.files
            idempotency = container.idempotency
            keys = container.keys
            models: services.Models = container.models
            projects = container.projects
            responses = container.responses
            secrets = container.secrets
            sessions = container.sessions
            tasks: services.TaskService = container.tasks
            tools = container.tools
            usage = container.usage
            users = container.users

        return Matched()


def test_the_container_has_every_service():
    wanted = {name for name, _ in inspect.getmembers(services.Services, lambda member: isinstance(member, property))}
    assert wanted <= set(dir(Container))
    assert wanted
