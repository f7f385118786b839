"""One event of a state machine to one invocation."""

from __future__ import annotations

import logging

from silvercup.errors import InternalError, SilvercupError
from silvercup.executions.keys import RecordKey
from silvercup.logs import where
from silvercup.runtime.block import Services, run_pure
from silvercup.runtime.failing import Failures
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.prompt import run_prompt
from silvercup.runtime.situation import Situation
from silvercup.runtime.wait import run_wait
from silvercup.values import JsonObject

logger = logging.getLogger(__name__)


class Runtime:
    """What the functions ``steps`` and ``prompts`` do."""

    def __init__(self, services: Services, failures: Failures) -> None:
        self._services = services
        self._failures = failures

    def invoke(self, event: JsonObject) -> JsonObject:
        """Run what a Task state asks for.

        Args:
            event: ``{op: "block", block, run, token?}`` or ``{op: "fail", run}``; ``run`` is the pointer.

        Returns:
            ``{prev, go, left}`` for a block; nothing of use otherwise.

        Raises:
            SilvercupError: Told to the state machine by its class name; the message holds no data.
        """
        try:
            return self._invoke(event)
        except SilvercupError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the state machine is told)
            logger.error("A step failed unexpectedly: %s", where(error))  # noqa: TRY400  (a traceback may show data)
            raise InternalError(f"The step failed unexpectedly ({type(error).__name__})") from None

    def _invoke(self, event: JsonObject) -> JsonObject:
        pointer = Pointer.of(event["run"])
        if event["op"] == "fail":
            self._failures.caught(pointer.ref, pointer.prev, event["run"].get("error") or {})
            return {}
        program = self._services.programs.get(pointer.program)
        block = program.blocks[event["block"]]
        path, store = pointer.path(block.id), self._services.store
        match block.effect:
            case "none":
                key = RecordKey("block", path)
                return run_pure(self._services, Situation(store, pointer, program, block, (key,)), key)
            case "prompt":
                pure, effect = RecordKey("pure", path), RecordKey("effect", path)
                return run_prompt(
                    self._services, Situation(store, pointer, program, block, (pure, effect)), pure, effect
                )
            case "wait":
                key = RecordKey("wait", path)
                return run_wait(self._services, Situation(store, pointer, program, block, (key,)), key, event["token"])
