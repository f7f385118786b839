"""One event of a state machine to one invocation."""

from __future__ import annotations

import logging
from functools import partial

from silvercup.errors import InternalError, SilvercupError
from silvercup.executions.keys import RecordKey
from silvercup.logs import where
from silvercup.runtime.answers import answer
from silvercup.runtime.block import Services, own_keys, run_pure, settle
from silvercup.runtime.children import after_return, end_child, plan_part, start_child
from silvercup.runtime.effects import run_effect
from silvercup.runtime.failing import Failures
from silvercup.runtime.pointer import Pointer
from silvercup.runtime.programs import Loaded
from silvercup.runtime.rows import run_row
from silvercup.runtime.situation import Returned, Situation, return_key
from silvercup.runtime.wait import run_answers, run_wait
from silvercup.values import JsonObject
from statemachines.ir import CALLS, Block, EndCallOp, InvokeOp

logger = logging.getLogger(__name__)


class Runtime:
    """What the functions ``steps`` and ``prompts`` do."""

    def __init__(self, services: Services, failures: Failures) -> None:
        self._services = services
        self._failures = failures

    def invoke(self, event: JsonObject) -> JsonObject:
        """Run what a Task state asks for.

        Args:
            event: ``{op, run, ...}``; ``run`` is the pointer. ``block`` runs a ``block`` (that waits for its ``token``),
                ``blocks`` a row of them, ``child`` starts a child, ``plan`` says how a child runs its part of a loop, ``exit`` ends a child,
                ``returned`` finds the ``return`` that left a loop, ``fail`` writes a failure down.

        Returns:
            ``{prev, go, left}``, or more of the pointer; nothing of use for what waits or fails.

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
        services = self._services
        if event["op"] == "fail":
            returns = {return_key(pointer.at, frame, loops) for frame, loops in event.get("guards", ())}
            if not self._failures.caught(pointer.ref, pointer.prev, event["run"].get("error") or {}, returns):
                raise Returned
            return {}
        loaded = services.programs.get(pointer.program)
        match event["op"]:
            case "block":
                return self._block(pointer, loaded, loaded.program.blocks[event["block"]], event.get("token", ""))
            case "blocks":
                blocks = [loaded.program.blocks[name] for name in event["blocks"]]
                return run_row(pointer, blocks, partial(self._situation, loaded), self._run)
            case "child":
                return start_child(services, pointer, loaded, event["of"], event["token"])
            case "plan":
                return plan_part(pointer, loaded, event["of"])
            case "exit":
                return end_child(services, pointer, event["how"])
            case "returned":
                return after_return(services, pointer, loaded, event["frame"])
            case _:
                raise InternalError(f"This version does not know the operation {event['op']!r}")

    def _block(self, pointer: Pointer, loaded: Loaded, block: Block, token: str) -> JsonObject:
        first = block.ops[0]
        home = isinstance(first, EndCallOp) and _was_jump(loaded, first)
        if block.effect == "talk" and token:
            key = RecordKey("wait", pointer.prev.path)
            situation = Situation(self._services.store, self._services.secrets, pointer, loaded, block, [key])
            return run_answers(self._services, situation, key, token)
        situation = self._situation(loaded, pointer.at_home() if home else pointer, block)
        if block.effect == "wait":
            return run_wait(self._services, situation, RecordKey("wait", situation.path), token)
        return self._run(situation, home=home)

    def _situation(self, loaded: Loaded, pointer: Pointer, block: Block) -> Situation:
        own = own_keys(pointer.path(block.id), block, pointer.at, loaded.program.frames)
        return Situation(self._services.store, self._services.secrets, pointer, loaded, block, own)

    def _run(self, situation: Situation, *, home: bool = False) -> JsonObject:
        services, path = self._services, situation.path
        if situation.block.effect in CALLS:
            record = run_effect(services, situation, RecordKey("pure", path), RecordKey("effect", path))
        else:
            record = run_pure(services, situation, RecordKey("block", path))
        settle(services, situation, record)
        return answer(services, situation, record, home=home)


def _was_jump(loaded: Loaded, op: EndCallOp) -> bool:
    call = loaded.ops[op.call]
    return isinstance(call, InvokeOp) and call.jump and not call.tail
