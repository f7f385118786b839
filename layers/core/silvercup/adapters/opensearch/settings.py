"""Which OpenSearch, and how it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

type Service = Literal["es", "aoss", ""]
type Engine = Literal["lucene", "faiss", "none"]

_DEFAULT_ENGINES: dict[Service, Engine] = {"es": "lucene", "aoss": "none", "": "lucene"}


@dataclass(frozen=True, slots=True)
class OpenSearchSettings:
    """The one switch between the kinds of OpenSearch.

    Attributes:
        endpoint: ``https://host[:port]``; without a port it is the scheme's own. A node with basic authentication:
            ``https://user:password@host``.
        service: What requests are signed for: ``es`` is a managed domain, ``aoss`` a serverless collection of the type
            ``VECTORSEARCH`` (it makes the ``_id`` of a document itself), empty any other node, unsigned.
        engine: What searches vectors; None: ``lucene``, and ``none`` on ``aoss``. ``none`` leaves it to the service, and is the only
            one that both generations of serverless collections take: NextGen refuses a mapping that names an engine.
        region: The AWS region that requests are signed for.
        prefix: What names of indexes start with, so that several deployments can share one endpoint.
        connect_timeout: Seconds.
        read_timeout: Seconds. A serverless collection that has scaled to zero takes 10 to 30 for its first answer.
        attempts: How often one request is sent at most, while it fails in a way that may pass.
    """

    endpoint: str = field(repr=False)
    service: Service = ""
    engine: Engine | None = None
    region: str = ""
    prefix: str = "silvercup-"
    connect_timeout: float = 3.0
    read_timeout: float = 45.0
    attempts: int = 4

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: The message says what would.
        """
        if not self.endpoint.startswith(("https://", "http://")):
            raise ValueError("an OpenSearch endpoint is a URL: https://search-….es.amazonaws.com")
        if self.service not in _DEFAULT_ENGINES:
            raise ValueError(f"an OpenSearch service is es, aoss or empty, not {self.service!r}")
        if self.engine not in {None, "lucene", "faiss", "none"}:
            raise ValueError(f"an OpenSearch engine is lucene, faiss or none, not {self.engine!r}")
        if self.service == "aoss" and self.engine == "lucene":
            raise ValueError(
                "OpenSearch Serverless has no lucene engine: choose none, or faiss on a classic collection"
            )
        if self.attempts < 1:
            raise ValueError(f"attempts are 1 or more, not {self.attempts}")
        if self.service and not self.region:
            raise ValueError(f"requests to the OpenSearch service {self.service} are signed: a region is needed")

    @property
    def chosen_engine(self) -> Engine:
        """``engine``, or the default of the service."""
        return self.engine or _DEFAULT_ENGINES[self.service]

    @property
    def makes_ids(self) -> bool:
        """Whether the service makes ``_id`` itself, so that a chunk added twice is there twice."""
        return self.service == "aoss"
