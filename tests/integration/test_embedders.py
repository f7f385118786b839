"""The embedders of hosted models: the real SDKs over real HTTP against stand-ins of the providers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import pytest
from botocore.config import Config
from botocore.session import get_session

from silvercup.adapters.aws import Clients
from silvercup.adapters.embedders.openai import OpenAIEmbedder
from silvercup.adapters.embedders.parts import MAX_BYTES, parts_of
from silvercup.adapters.embedders.titan import TitanEmbedder
from silvercup.docs.embedding import Embedder, Vector
from silvercup.docs.vectors import cosine, mean
from silvercup.errors import ModelRejected, ModelUnavailable
from tests.support.embedding_wire import FIXED, Drop, Failure, FakeEmbeddings, Hang, Raw, Vectors, vector

KEY = "sk-server-key"
AWS_SECRET = "made-up-secret-of-aws"
NOW = {"retry-after-ms": "1"}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.openai_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        yield running


def titan(provider: FakeEmbeddings, *, attempts: int = 1, timeout: float = 5, dimensions: int = 1024) -> TitanEmbedder:
    config = Config(read_timeout=timeout, retries={"mode": "standard", "total_max_attempts": attempts})
    client = get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        config=config,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=AWS_SECRET,
    )
    return TitanEmbedder(client, dimensions=dimensions)


class Made(Protocol):
    def __call__(self, *, timeout: float = 5, dimensions: int = 1024) -> Embedder: ...


@pytest.fixture(params=["titan", "openai"])
def make(request: pytest.FixtureRequest, provider: FakeEmbeddings) -> Iterator[Made]:
    opened: list[OpenAIEmbedder] = []

    def made(*, timeout: float = 5, dimensions: int = 1024) -> Embedder:
        if request.param == "titan":
            return titan(provider, timeout=timeout, dimensions=dimensions)
        opened.append(OpenAIEmbedder(dimensions=dimensions, timeout=timeout, max_retries=0))
        return opened[-1]

    yield made
    for each in opened:
        each.close()


def sent(provider: FakeEmbeddings) -> list[str]:
    bodies = [request.body for request in provider.requests]
    return [text for body in bodies for text in (body["input"] if "input" in body else [body["inputText"]])]


def same(found: Sequence[Vector], expected: Sequence[Vector]) -> bool:
    assert [len(each) for each in found] == [len(each) for each in expected]
    assert all(math.hypot(*each) == pytest.approx(1) for each in found)
    return all(cosine(one, other) > 1 - 1e-9 for one, other in zip(found, expected, strict=True))


def test_vectors_come_in_the_order_of_the_texts(make: Made, provider: FakeEmbeddings) -> None:
    texts = [f"text {n}" for n in range(40)]
    provider.script(Vectors(delay=0.1))
    assert same(make().embed(texts), [vector(text, 1024) for text in texts])


@pytest.mark.parametrize("dimensions", [256, 512])
def test_dimensions(make: Made, dimensions: int) -> None:
    embedder = make(dimensions=dimensions)
    assert embedder.dimensions == dimensions
    assert same(embedder.embed(["a"]), [vector("a", dimensions)])


def test_no_texts_need_no_request(make: Made, provider: FakeEmbeddings) -> None:
    assert make().embed([]) == []
    assert provider.requests == []


def test_blank_texts_have_the_vector_of_a_space(make: Made, provider: FakeEmbeddings) -> None:
    assert same(make().embed(["", " \n\t", "x", "\u3000"]), [vector(text, 1024) for text in (" ", " ", "x", " ")])
    assert sorted(sent(provider)) == [" ", " ", " ", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "A sentence of English. " * 2000,
        "これは日本語の文です。" * 2000,
        "👩\u200d👩\u200d👧" * 2000,
        "x" * 30_000,
        "word " * 1600 + "ende",
        "# Heading\n\nText.\n\n" * 1500,
    ],
)
def test_a_long_text_is_the_mean_of_its_parts(make: Made, provider: FakeEmbeddings, text: str) -> None:
    found = make().embed(["before", text, "after"])
    parts = parts_of(text, MAX_BYTES)
    assert 1 < len(parts) < 3 * len(text.encode()) / MAX_BYTES + 2
    weights = [len(part) for part in parts]
    expected = [vector("before", 1024), mean([vector(part, 1024) for part in parts], weights), vector("after", 1024)]
    assert same(found, expected)
    assert sorted(sent(provider)) == sorted(["before", *parts, "after"])


def test_a_text_at_the_limit_is_one(make: Made, provider: FakeEmbeddings) -> None:
    text = "x" * MAX_BYTES
    assert same(make().embed([text]), [vector(text, 1024)])
    assert len(sent(provider)) == 1


def test_halves_of_surrogate_pairs_can_be_sent(make: Made, provider: FakeEmbeddings) -> None:
    make().embed(["a\ud800b", "\ud83d\ude00\udc00"])
    assert sorted(sent(provider)) == ["a\ufffdb", "😀\ufffd"]


@pytest.mark.parametrize("status", [400, 402, 413, 422])
def test_what_the_provider_refuses(make: Made, provider: FakeEmbeddings, status: int) -> None:
    provider.script(Failure(status, "because of you"))
    with pytest.raises(ModelRejected, match=r"refused the request \(.*\): because of you") as raised:
        make().embed(["a"])
    assert not raised.value.retryable
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_what_may_work_later(make: Made, provider: FakeEmbeddings, status: int) -> None:
    provider.script(Failure(status, "busy", "ThrottlingException"))
    with pytest.raises(ModelUnavailable, match="can't answer now") as raised:
        make().embed(["a"])
    assert raised.value.retryable


@pytest.mark.parametrize("step", [Hang(), Drop(), Drop(within_body=True)])
def test_no_answer(make: Made, provider: FakeEmbeddings, step: Hang | Drop) -> None:
    provider.script(step)
    with pytest.raises(ModelUnavailable):
        make(timeout=0.3).embed(["a"])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b"[]", b"null", b"{}", b'{"data": null, "embedding": null}', b'{"data": [], "embedding": []}',
        b'{"data": [{"embedding": ["1"]}], "embedding": ["1"]}', b'{"data": [7], "embedding": 7}', b"<html>Bad gateway</html>",
        b'{"data": [{"embedding": [NaN]}], "embedding": [NaN]}', b"\xff\xfe",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_an_answer_that_is_none(make: Made, provider: FakeEmbeddings, body: bytes, kind: str) -> None:
    provider.script(Raw(body, kind))
    with pytest.raises(ModelUnavailable, match="could not be understood"):
        make().embed(["a"])


def test_vectors_of_another_length(make: Made, provider: FakeEmbeddings) -> None:
    provider.script(Vectors(dimensions=384))
    with pytest.raises(
        ModelRejected, match="vectors of 384 numbers where 1024 were asked for: set the dimensions to 384"
    ):
        make().embed(["a"])


def test_a_vector_of_zeros(make: Made, provider: FakeEmbeddings) -> None:
    zeros = str([0.0] * 1024).encode()
    provider.script(Raw(b'{"data": [{"index": 0, "embedding": ' + zeros + b'}], "embedding": ' + zeros + b"}"))
    with pytest.raises(ModelRejected, match="no direction"):
        make().embed(["a"])


@pytest.mark.parametrize(("status", "kind"), [(401, ModelRejected), (403, ModelRejected), (429, ModelUnavailable)])
def test_no_key_gets_into_an_error(make: Made, provider: FakeEmbeddings, status: int, kind: type[Exception]) -> None:
    provider.script(Failure(status, f"wrong: {KEY}, {AWS_SECRET}", "AccessDeniedException"))
    embedder = make()
    with pytest.raises(kind) as raised:
        embedder.embed(["a"])
    own = KEY if isinstance(embedder, OpenAIEmbedder) else AWS_SECRET
    assert own not in str(raised.value)
    assert raised.value.__cause__ is None


def test_titan_is_asked_for_one_text_at_a_time_and_a_few_at_once(provider: FakeEmbeddings) -> None:
    provider.script(*[Vectors(delay=0.1)] * 8)
    titan(provider).embed([f"text {n}" for n in range(30)])
    assert len(provider.requests) == 30
    assert 2 <= provider.most_at_once <= 8
    request = provider.requests[0]
    assert request.path == "/model/amazon.titan-embed-text-v2:0/invoke"
    assert request.body.keys() == {"inputText", "dimensions", "normalize"}


def test_titan_does_not_go_on_after_a_failure(provider: FakeEmbeddings) -> None:
    provider.script(*[Failure(400, "no")] * 8)
    with pytest.raises(ModelRejected, match=r"ValidationException\): no"):
        titan(provider).embed([f"text {n}" for n in range(500)])
    assert len(provider.requests) < 100


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AccessDeniedException", ModelRejected, "Allow the role bedrock:InvokeModel on amazon.titan"),
        (403, "UnrecognizedClientException", ModelRejected, "Allow the role"),
        (404, "ResourceNotFoundException", ModelRejected, "may not serve amazon.titan"),
        (400, "ServiceQuotaExceededException", ModelUnavailable, "can't answer now"),
        (408, "ModelTimeoutException", ModelUnavailable, "can't answer now"),
        (424, "ModelErrorException", ModelUnavailable, "can't answer now"),
        (429, "ModelNotReadyException", ModelUnavailable, "can't answer now"),
    ],
)
def test_titans_errors(provider: FakeEmbeddings, status: int, code: str, kind: type[Exception], said: str) -> None:
    provider.script(Failure(status, "as it is", code))
    with pytest.raises(kind, match=said):
        titan(provider).embed(["a"])


def test_titan_is_tried_again(provider: FakeEmbeddings) -> None:
    provider.script(Failure(429, "busy", "ThrottlingException"), Vectors())
    assert same(titan(provider, attempts=2).embed(["a"]), [vector("a", 1024)])


def test_titan_by_the_deployments_client(provider: FakeEmbeddings) -> None:
    client = Clients(region="us-east-1", endpoint_url=provider.url).get("bedrock-runtime")
    assert same(TitanEmbedder(client).embed(["a"]), [vector("a", 1024)])


def test_titan_without_credentials(provider: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    client = get_session().create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=provider.url)
    with pytest.raises(ModelRejected, match=r"can't be asked: .*NoCredentialsError.*check the region and the AWS cred"):
        TitanEmbedder(client).embed(["a"])


@pytest.mark.parametrize("dimensions", [0, 768, 1536])
def test_titan_has_three_lengths(dimensions: int) -> None:
    with pytest.raises(ValueError, match="1024, 512, 256"):
        TitanEmbedder(None, dimensions=dimensions)


@pytest.fixture
def openai(provider: FakeEmbeddings) -> Iterator[Callable[..., OpenAIEmbedder]]:
    opened: list[OpenAIEmbedder] = []

    def made(**named: object) -> OpenAIEmbedder:
        opened.append(OpenAIEmbedder(**{"timeout": 5, **named}))  # pyright: ignore[reportArgumentType]
        return opened[-1]

    yield made
    for each in opened:
        each.close()


def test_openai_gets_batches(openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings) -> None:
    texts = [f"text {n}" for n in range(250)]
    assert same(openai().embed(texts), [vector(text, 1024) for text in texts])
    assert [len(request.body["input"]) for request in provider.requests] == [100, 100, 50]
    request = provider.requests[0]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.body["model"], request.body["dimensions"]) == ("text-embedding-3-large", 1024)


def test_openais_requests_stay_small(openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings) -> None:
    texts = ["文" * 2600] * 90
    openai().embed(texts)
    assert [len(request.body["input"]) for request in provider.requests] == [32, 32, 26]


def test_openai_is_tried_three_times(openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings) -> None:
    provider.script(Failure(429, headers=NOW), Drop(), Vectors(), *[Failure(500, headers=NOW)] * 3)
    embedder = openai()
    assert len(embedder.embed(["a"])) == 1
    with pytest.raises(ModelUnavailable, match="HTTP 500"):
        embedder.embed(["a"])
    assert len(provider.requests) == 6


@pytest.mark.parametrize("wait", ["100", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_openai_is_not_waited_for_long(
    openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings, wait: str
) -> None:
    provider.script(Failure(429, "come back later", headers={"retry-after": wait}))
    with pytest.raises(ModelUnavailable, match="come back later"):
        openai().embed(["a"])
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: [data[0]] * 3,
        lambda data: [{**each, "index": each["index"] + 1} for each in data],
    ],
)
def test_an_answer_to_other_texts(
    openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings, change: Callable[..., list[object]]
) -> None:
    provider.script(Vectors(change=change))
    with pytest.raises(ModelUnavailable, match="could not be understood"):
        openai().embed(["a", "b", "c"])


@pytest.mark.parametrize(
    "change", [lambda data: data[::-1], lambda data: [{"embedding": each["embedding"]} for each in data]]
)
def test_embeddings_are_taken_by_their_number_or_else_as_they_come(
    openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings, change: Callable[..., list[object]]
) -> None:
    provider.script(Vectors(change=change))
    assert same(openai().embed(["a", "b", "c"]), [vector(text, 1024) for text in "abc"])


@pytest.mark.parametrize("how", ["refuses", "ignores"])
def test_a_server_whose_models_have_one_length(
    openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings, how: str
) -> None:
    provider.dimensions = how
    embedder = openai(model="nomic-embed-text", dimensions=FIXED)
    for _ in range(2):
        assert same(embedder.embed(["a"]), [vector("a", FIXED)])
    assert len(provider.requests) == (3 if how == "refuses" else 2)
    with pytest.raises(ModelRejected, match="nomic-embed-text answers with vectors of 768 numbers where 1024"):
        openai(model="nomic-embed-text").embed(["a"])


def test_openai_says_what_would_be_right(openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings) -> None:
    provider.script(Failure(401, "no"), Failure(403, "no"), Failure(404, "no"))
    for said in ("Set OPENAI_API_KEY", "may use text-embedding-3-large", "OPENAI_BASE_URL must name a server"):
        with pytest.raises(ModelRejected, match=said):
            openai().embed(["a"])


def test_openai_without_a_key(
    openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert len(openai().embed(["a"])) == 1  # a server of one's own may need none
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(ModelRejected, match="set OPENAI_API_KEY"):
        openai().embed(["a"])
    assert len(openai(api_key="sk-own", base_url=provider.openai_url).embed(["a"])) == 1
    assert provider.requests[-1].headers["authorization"] == "Bearer sk-own"


def test_where_nobody_listens(openai: Callable[..., OpenAIEmbedder]) -> None:
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        openai(base_url="http://127.0.0.1:9/v1", max_retries=0).embed(["a"])


def test_a_model_that_reads_less(openai: Callable[..., OpenAIEmbedder], provider: FakeEmbeddings) -> None:
    openai(max_bytes=100).embed(["word " * 60])
    assert [len(request.body["input"]) for request in provider.requests] == [3]
