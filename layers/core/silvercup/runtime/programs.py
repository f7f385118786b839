"""Programs by blob name, kept in memory: they never change."""

from __future__ import annotations

import threading
from collections import OrderedDict

from silvercup.errors import InternalError
from silvercup.storage import Blobs
from statemachines.ir import Program
from statemachines.program import load

_KEPT = 64


class Programs:
    """Loads programs; the ones used last stay in memory."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Program:
        """The program of a blob.

        Raises:
            InternalError: It is missing, or of an unknown format.
        """
        with self._lock:
            program = self._kept.get(name)
            if program is not None:
                self._kept.move_to_end(name)
                return program
        body = self._blobs.get(name)
        if body is None:
            raise InternalError("The program of this execution is missing")
        program = load(body)
        with self._lock:
            self._kept[name] = program
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return program
