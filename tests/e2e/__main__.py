"""Run the conformance cases on a deployed stack.

    SILVERCUP_E2E_URL=https://<id>.execute-api.<region>.amazonaws.com/api SILVERCUP_E2E_KEY=sc_... python -m tests.e2e

``SILVERCUP_E2E_OTHER_KEY`` is a key of another developer (``silvercup keys --stack NAME create --tenant UUID``); without it the cases of two
developers are skipped. The cases create agents, tasks and executions, and delete the agents.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.conftest import E2E

if __name__ == "__main__":
    missing = [name for name in (E2E, "SILVERCUP_E2E_KEY") if not os.environ.get(name)]
    if missing:
        sys.exit(f"tests.e2e: set {' and '.join(missing)}; see {__file__}")
    sys.exit(pytest.main(["tests/conformance", *sys.argv[1:]]))
