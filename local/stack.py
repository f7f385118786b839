"""The whole stack in this process; ``silvercup dev``, the demo, tests and benchmarks start it."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local.aws import ACCESS_KEY, Aws, environment
from local.names import REGION
from local.pumps import Pumps
from local.template import Template, load

if TYPE_CHECKING:
    import uvicorn

    from silvercup.container import Container

logger = logging.getLogger(__name__)

FROM_USER = (
    "SILVERCUP_API_KEY",
    "SILVERCUP_JWT_KEY",
    "SILVERCUP_MODEL",
    "SILVERCUP_MODEL_ALIASES",
    "SILVERCUP_MODEL_BASE_URL",
    "SILVERCUP_CONTEXT_LIMITS",
    "SILVERCUP_WAIT_DAYS",
    "SILVERCUP_RUN_TTL_DAYS",
    "SILVERCUP_MAX_STEPS",
    "SILVERCUP_SKIP_WAITS",
    "SILVERCUP_INDEX",
    "SILVERCUP_INDEX_ENDPOINT",
    "SILVERCUP_INDEX_SERVICE",
    "SILVERCUP_INDEX_ENGINE",
    "SILVERCUP_INDEX_PREFIX",
    "SILVERCUP_EMBEDDER",
    "SILVERCUP_EMBEDDING_MODEL",
    "SILVERCUP_EMBEDDING_DIMENSIONS",
    "SILVERCUP_EMBEDDING_BASE_URL",
    "SILVERCUP_CHUNK_CHARS",
    "SILVERCUP_CHUNK_OVERLAP",
    "SILVERCUP_ALLOW_LOOPBACK_TOOLS",
    "SILVERCUP_TOOL_URLS",
)
"""Variables of the user's environment that win over the template's."""

_LIFECYCLE = "LifecycleFunction"
_SHUTDOWN_SECONDS = 1
_START_SECONDS = 10.0


class PortTaken(Exception):
    """The port is in use, or may not be used; the message says what to do."""


class Stack:
    """The API at ``url``, and behind it everything of the template, until ``stop``; use it as a context manager.

    One process runs one stack at a time: moto's memory and the environment are the process's. It sets environment variables
    (AWS credentials of no worth, ``AWS_ENDPOINT_URL``, the template's) and puts back what was there.

    Attributes:
        container: What the API and the functions work with.
        aws: The services behind it.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        state: Path | None = None,
        env: Mapping[str, str] | None = None,
        template: Template | None = None,
        sweep_seconds: float = 10.0,
        direct: bool = True,
    ) -> None:
        """Prepare it.

        Args:
            port: Where the API listens; 0 takes a free one.
            host: On which address; any but loopback needs ``SILVERCUP_API_KEY``.
            state: A directory in which data outlive the process; None keeps them in memory.
            env: Environment variables that win over the template's and the user's.
            template: What to start; None reads ``template.yaml``.
            sweep_seconds: How often the sweeper runs.
            direct: See ``local.seams.install``.
        """
        self._host = host
        self._port = port
        self._env = dict(env or {})
        self._template = template or load()
        self._state = state
        self._sweep_seconds = sweep_seconds
        self._cleanup = ExitStack()
        self._web: uvicorn.Server | None = None
        self.aws = Aws(self._template, state, direct=direct)
        self.container: Container

    @property
    def url(self) -> str:
        """The address without a path; the API is at ``<url>/api`` and at ``<url>``."""
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{shown}:{self._port}"

    def start(self) -> None:
        """Start everything; the API answers when this returns.

        Raises:
            PortTaken: The port is in use.
            StateError: The state directory can't be used.
        """
        with ExitStack() as cleanup:
            listener = self._bind()
            cleanup.callback(listener.close)
            self.aws.start()
            cleanup.callback(self.aws.stop)
            cleanup.enter_context(environment(self._variables()))
            self._install(cleanup)
            self.container.caretaker.recover()
            self.aws.start_streams()
            if lifecycle := self._template.functions.get(_LIFECYCLE):
                pumps = Pumps(
                    self.aws.invoker,
                    lifecycle.name,
                    queues=[queue.name for queue in self._template.queues if queue.function == _LIFECYCLE],
                    tidy=self.aws.tidy,
                    sweep_seconds=self._sweep_seconds,
                )
                pumps.start()
                cleanup.callback(pumps.stop)
            self._serve(listener, cleanup)
            self._cleanup = cleanup.pop_all()

    def stop(self) -> None:
        """Close event streams, stop everything; journalled data stay."""
        self.aws.invoker.stopped = True
        self._cleanup.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(512)
        except OSError as problem:
            listener.close()
            why = {errno.EADDRINUSE: "is in use by another program", errno.EACCES: "needs more rights"}.get(
                problem.errno or 0, f"can't be used: {problem.strerror}"
            )
            raise PortTaken(
                f"port {self._port} on {self._host} {why}; stop what uses it, or start with --port 8081 (or --port 0 for any free one)"
            ) from problem
        self._port = listener.getsockname()[1]
        return listener

    def _variables(self) -> dict[str, str | None]:
        variables: dict[str, str | None] = {
            name: value
            for function in self._template.functions.values()
            for name, value in function.environment.items()
            if name.startswith("SILVERCUP_")
        }
        index_dir = str(self._state / "index") if self._state else ""
        variables |= {"SILVERCUP_INDEX": "sqlite", "SILVERCUP_INDEX_DIR": index_dir, "SILVERCUP_EMBEDDER": "local"}
        variables |= {f"SILVERCUP_INDEX_{name}": "" for name in ("ENDPOINT", "SERVICE", "ENGINE", "PREFIX")}
        variables |= {name: os.environ[name] for name in FROM_USER if os.environ.get(name)}
        variables |= {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_SESSION_TOKEN": None,
            "AWS_PROFILE": None,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": ",".join(
                filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "127.0.0.1", "localhost"])
            ),
        }
        variables |= self._env
        variables.setdefault("SILVERCUP_ALLOW_ANY_KEY", "" if variables.get("SILVERCUP_API_KEY") else "1")
        return variables

    def _install(self, cleanup: ExitStack) -> None:
        from silvercup import container
        from silvercup.settings import Settings

        self.container = container.Container(Settings.from_env())
        container.install(self.container)
        cleanup.callback(container.install, None)

    def _serve(self, listener: socket.socket, cleanup: ExitStack) -> None:
        import uvicorn

        from local.web import Web
        from silvercup.http.app import create_app

        config = uvicorn.Config(
            Web(create_app(lambda: self.container)),
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        web = uvicorn.Server(config)
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, name="api", daemon=True)
        thread.start()

        def stop() -> None:
            web.should_exit = True
            thread.join(timeout=_SHUTDOWN_SECONDS + 5)

        cleanup.callback(stop)
        deadline = time.monotonic() + _START_SECONDS
        while not web.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the web server did not start")
            time.sleep(0.01)
