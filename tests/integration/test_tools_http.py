"""The requests of tools over real HTTP: no forgery, no endless answers, nothing kept for ever."""

from __future__ import annotations

import gzip
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silvercup.adapters.http_calls import HttpCalls
from silvercup.errors import ToolFailed
from silvercup.tools.outgoing import HttpAnswer, HttpRequest
from tests.support.certificates import made_for
from tests.support.tool_server import Answer, Bytes, Hang, Names, Reply, Seen, ToolServer

PUBLIC = "93.184.216.34"
HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://127.255.255.254:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://0X7F.1:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.01:{port}/",
    "http://00000177.0.0.1:{port}/",
    "http://127.0.0.01:{port}/",
    "http://127.000.000.001:{port}/",
    "http://4294967296:{port}/",
    "http://6425673729:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000:0000::0001]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::1]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[ff02::1]:{port}/",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://169.254.170.2/v2/credentials/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://0251.0376.0251.0376/latest/meta-data/",
    "http://169.254.43518/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "http://[64:ff9b::a9fe:a9fe]/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/metadata/instance",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/",
    "http://127\u30020\u30020\u30021:{port}/",
    "http://loc\u00adalhost:{port}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "http://127.0.0.1%2f@example.com:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http://127.0.0.1\\@example.com/",
    "http://127.0.0.1:{port}\\.example.com/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1?@example.com/",
    "http://127.0.0.1:{port}:80/",
    "http://127.0.0.1 :{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "ht\ntp://127.0.0.1:{port}/",
    "http://127.0.0.1\r\n:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:{port}0000/",
    "http://127.0.0.1:+{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://[::1]{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/",
    "dict://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock",
    "jar:http://127.0.0.1:{port}!/",
    "data:text/plain,x",
]


def fail_to_answer(_: Seen) -> Answer:
    pytest.fail("nothing may reach the server")


def no_pause(seconds: float) -> None:
    del seconds


@pytest.fixture(scope="module")
def guarded() -> Iterator[ToolServer]:
    with ToolServer(fail_to_answer) as server:
        yield server


def get(calls: HttpCalls, url: str, **options: Any) -> HttpAnswer:
    return calls.send(HttpRequest("GET", url, **_options(options)))


def _options(given: dict[str, Any]) -> dict[str, Any]:
    return {"seconds": 20, **given}


def refused(calls: HttpCalls, url: str, **options: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        get(calls, url, **options)
    return caught.value


def test_there_are_many_hostile_forms():
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_reaches_nothing(url: str, guarded: ToolServer):
    error = refused(HttpCalls(sleep=no_pause), url.format(port=guarded.port))
    assert not error.transient
    assert " is refused: " in error.message
    assert guarded.connections == 0


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_as_a_redirect_reaches_nothing(url: str, guarded: ToolServer):
    location = url.format(port=guarded.port).replace("\r", "").replace("\n", "")
    with ToolServer(lambda _: Reply.redirect(location.encode().decode("latin-1"))) as server:
        names = Names(server.port, good_example=[[PUBLIC]], example_com=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
        calls = HttpCalls(network=names)
        message = refused(calls, "http://good.example/", follow_redirects=True).message
        assert "redirects" in message or " is refused: " in message
        assert guarded.connections == 0
        assert all(address == PUBLIC for address, _ in names.reached)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0.0.0.0/"]
)
def test_the_local_setting_opens_loopback_and_nothing_else(url: str):
    assert "tools reach public addresses only" in refused(HttpCalls(allow_loopback=True), url).message
    with ToolServer(lambda _: Reply(b"hi")) as server:
        assert get(HttpCalls(allow_loopback=True), server.url).body == b"hi"
        assert get(HttpCalls(allow_loopback=True), f"http://localhost:{server.port}/x").body == b"hi"


def test_a_name_is_looked_up_once_so_a_second_answer_changes_nothing():
    with ToolServer(lambda _: Reply(b"hi")) as server:
        names = Names(server.port, rebinding_example=[[PUBLIC], ["169.254.169.254"]])
        assert get(HttpCalls(network=names), "http://rebinding.example:81/").body == b"hi"
        assert (names.asked, names.reached) == (["rebinding.example"], [(PUBLIC, 81)])
        assert server.requests[0].headers["host"] == "rebinding.example:81"
        assert "a link-local address" in refused(HttpCalls(network=names), "http://rebinding.example:81/").message
        assert server.connections == 1


@pytest.mark.parametrize("addresses", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC, "::ffff:127.0.0.1"]])
def test_one_address_of_several_that_is_not_public_is_enough(addresses: list[str], guarded: ToolServer):
    names = Names(guarded.port, mixed_example=[addresses])
    assert "mixed.example is a" in refused(HttpCalls(network=names), "http://mixed.example/").message
    assert names.reached == []


def test_the_next_address_is_tried_where_the_first_can_not_be_reached():
    class HalfDown(Names):
        def connect(self, address: str, port: int, seconds: float, /) -> socket.socket:
            if address == "1.1.1.1":
                raise ConnectionRefusedError
            return super().connect(address, port, seconds)

    with ToolServer(lambda _: Reply(b"hi")) as server:
        names = HalfDown(server.port, two_example=[["1.1.1.1", PUBLIC]])
        assert get(HttpCalls(network=names), "http://two.example/").body == b"hi"


def test_proxies_of_the_environment_are_passed_over(monkeypatch: pytest.MonkeyPatch, guarded: ToolServer):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, guarded.url)
    with ToolServer(lambda _: Reply(b"hi")) as server:
        assert get(HttpCalls(allow_loopback=True), server.url).body == b"hi"
    assert guarded.connections == 0


def test_redirects_are_followed_with_what_may_go_along():
    def answer(seen: Seen) -> Answer:
        if seen.headers["host"] == "one.example":
            return Reply.redirect("/b" if seen.path == "/a" else "http://two.example/c")
        return Reply.redirect("http://one.example/a2") if seen.path == "/c" else Reply(b"end")

    with ToolServer(answer) as server:
        names = Names(server.port, one_example=[[PUBLIC]], two_example=[[PUBLIC]])
        headers = {"Authorization": "Bearer s", "X-Key": "s", "Cookie": "a=s", "Accept": "text/plain"}
        request = HttpRequest("GET", "http://one.example/a", headers, follow_redirects=True)
        with pytest.raises(ToolFailed, match="more than 5 redirects"):
            HttpCalls(network=names).send(request)
        first, second, third, fourth = server.requests[:4]
        assert [seen.headers.get("x-key") for seen in (first, second, third, fourth)] == ["s", "s", None, None]
        assert [seen.headers.get("authorization") for seen in (second, third, fourth)] == ["Bearer s", None, None]
        assert "cookie" not in third.headers
        assert third.headers["accept"] == "text/plain"


@pytest.mark.parametrize(
    ("status", "method", "sent"), [(301, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST")]
)
def test_a_redirect_says_what_becomes_of_method_and_body(status: int, method: str, sent: str):
    with ToolServer(lambda seen: Reply(b"end") if seen.path == "/b" else Reply.redirect("/b", status)) as server:
        request = HttpRequest(method, f"{server.url}/a", {"Content-Type": "text/x"}, b"body", follow_redirects=True)
        assert HttpCalls(allow_loopback=True).send(request).body == b"end"
        last = server.requests[-1]
        assert (last.method, last.body) == (sent, b"body" if sent == method else b"")
        assert ("content-type" in last.headers) == (sent == method)


def test_a_body_is_not_taken_to_another_origin():
    with ToolServer(lambda _: Reply.redirect("http://two.example/", 308)) as server:
        names = Names(server.port, one_example=[[PUBLIC]], two_example=[[PUBLIC]])
        request = HttpRequest("POST", "http://one.example/", {}, b"secret", follow_redirects=True)
        with pytest.raises(ToolFailed, match="a body is not taken to another origin"):
            HttpCalls(network=names).send(request)
        assert server.connections == 1


def test_a_redirect_is_given_back_where_none_is_to_be_followed():
    with ToolServer(lambda _: Reply.redirect("/b")) as server:
        answer = get(HttpCalls(allow_loopback=True), server.url)
        assert (answer.status, answer.headers["location"]) == (302, "/b")


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_a_bomb_is_stopped_at_the_limit_without_being_unpacked(wbits: int):
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(200)] + [packer.flush()])
    encoding = "gzip" if wbits == 31 else "deflate"
    with ToolServer(lambda _: Reply(bomb, headers={"Content-Encoding": encoding})) as server:
        tracemalloc.start()
        try:
            error = refused(HttpCalls(allow_loopback=True), server.url)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert "sent more than 5,000,000 bytes" in error.message
    assert peak < 20_000_000


def test_bombs_within_bombs_and_broken_encodings_are_refused():
    nested = gzip.compress(gzip.compress(bytes(100_000_000), 9), 9)
    replies = {
        "/nested": Reply(nested, headers={"Content-Encoding": "gzip, gzip"}),
        "/many": Reply(b"x", headers={"Content-Encoding": ", ".join(["gzip"] * 50)}),
        "/broken": Reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
    }
    with ToolServer(lambda seen: replies[seen.path]) as server:
        calls = HttpCalls(allow_loopback=True)
        assert "sent more than" in refused(calls, f"{server.url}/nested").message
        assert "Content-Encoding is broken" in refused(calls, f"{server.url}/many").message
        assert "Content-Encoding is broken" in refused(calls, f"{server.url}/broken").message


def test_an_answer_that_never_ends_or_says_so_is_stopped_at_the_limit():
    head = b"HTTP/1.1 200 OK\r\n\r\n"

    def answer(seen: Seen) -> Answer:
        if seen.path == "/said":
            return Bytes([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"])
        return Bytes(chunk for chunks in ([head], iter(lambda: bytes(100_000), b"")) for chunk in chunks)

    with ToolServer(answer) as server:
        calls = HttpCalls(allow_loopback=True)
        assert "sent more than 1,000 bytes" in refused(calls, f"{server.url}/said", max_bytes=1_000).message
        assert "sent more than 5,000,000 bytes" in refused(calls, f"{server.url}/endless").message


@pytest.mark.parametrize(
    "answer",
    [
        Hang(),
        Bytes(iter(lambda: b"X", b""), drip=0.02),
        Bytes(
            (b"%s" % part for parts in ([b"HTTP/1.1 200 OK\r\n"], iter(lambda: b"A: b\r\n", b"")) for part in parts),
            drip=0.02,
        ),
        Bytes((part for parts in ([b"HTTP/1.1 200 OK\r\n\r\n"], iter(lambda: b"x", b"")) for part in parts), drip=0.02),
        Bytes(iter(lambda: b"HTTP/1.1 100 Continue\r\n\r\n", b""), drip=0.02),
    ],
    ids=["nothing", "no line", "headers", "body", "continue"],
)
def test_a_server_that_does_not_come_to_an_end_is_left_when_the_time_is_over(answer: Answer):
    with ToolServer(lambda _: answer) as server:
        error = refused(HttpCalls(allow_loopback=True), server.url, seconds=0.4)
    assert error.transient
    assert "did not answer in time" in error.message


@pytest.mark.parametrize(
    "chunks",
    [[b""], [b"SSH-2.0-OpenSSH\r\n"], [b"HTTP/1.1 abc\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]],
    ids=["nothing", "another protocol", "no status", "less than announced"],
)
def test_what_is_no_whole_answer_is_a_failure_in_passing(chunks: list[bytes]):
    with ToolServer(lambda _: Bytes(chunks)) as server:
        error = refused(HttpCalls(allow_loopback=True, sleep=no_pause), server.url)
    assert error.transient
    assert server.connections == 3
    assert "broke the connection off" in error.message


def test_nobody_there_is_tried_three_times():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        pauses: list[float] = []
        error = refused(
            HttpCalls(allow_loopback=True, sleep=pauses.append), f"http://127.0.0.1:{taken.getsockname()[1]}/"
        )
    assert error.transient
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("status", [408, 429, 503, 504])
@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)])
def test_what_may_be_repeated_is(status: int, method: str, times: int):
    with ToolServer(lambda _: Reply(b"later", status)) as server:
        answer = HttpCalls(allow_loopback=True, sleep=no_pause).send(HttpRequest(method, server.url))
        assert (answer.status, len(server.requests)) == (status, times)


def test_retry_after_is_kept_to_unless_it_is_too_late():
    replies = iter([Reply(b"", 429, {"Retry-After": "7"}), Reply(b"", 503, {"Retry-After": "60"})])
    pauses: list[float] = []
    with ToolServer(lambda _: next(replies)) as server:
        assert get(HttpCalls(allow_loopback=True, sleep=pauses.append), server.url).status == 503
    assert pauses == [7.0]


def test_a_name_that_there_is_not_is_no_failure_in_passing():
    class Nowhere(Names):
        def resolve(self, host: str, port: int, seconds: float, /) -> list[str]:
            error = {"gone.example": socket.EAI_NONAME, "busy.example": socket.EAI_AGAIN}[host]
            self.asked.append(host)
            raise socket.gaierror(error, "x")

    names = Nowhere(0)
    calls = HttpCalls(network=names, sleep=no_pause)
    assert not refused(calls, "http://gone.example/").transient
    assert refused(calls, "http://busy.example/").transient
    assert names.asked == ["gone.example", *["busy.example"] * 3]


def test_a_certificate_must_be_the_names(tmp_path: Path):
    made = made_for("secure.example", tmp_path)
    with ToolServer(lambda _: Reply(b"hi"), made.server_context()) as server:
        names = Names(server.port, secure_example=[[PUBLIC]], other_example=[[PUBLIC]])
        calls = HttpCalls(network=names, context=made.client_context())
        assert get(calls, "https://secure.example/").body == b"hi"
        assert server.requests[0].headers["host"] == "secure.example"
        for wrong in ("https://other.example/", f"https://{PUBLIC}/"):
            error = refused(calls, wrong)
            assert "no valid certificate" in error.message
            assert not error.transient
        assert "no valid certificate" in refused(HttpCalls(network=names), "https://secure.example/").message
        assert len(server.requests) == 1


def test_https_is_not_left_for_http(tmp_path: Path):
    made = made_for("secure.example", tmp_path)
    with ToolServer(lambda _: Reply.redirect("http://secure.example/"), made.server_context()) as server:
        names = Names(server.port, secure_example=[[PUBLIC]])
        calls = HttpCalls(network=names, context=made.client_context())
        assert "from https to http" in refused(calls, "https://secure.example/", follow_redirects=True).message


def test_the_usual_context_checks():
    from silvercup.adapters.http_exchange import default_context

    context = default_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_odd_headers_are_not_logged_with_the_url(caplog: pytest.LogCaptureFixture):
    with ToolServer(lambda _: Bytes([b"HTTP/1.1 200 OK\r\nno colon\r\nA: b\r\nContent-Length: 0\r\n\r\n"])) as server:
        assert get(HttpCalls(allow_loopback=True), f"{server.url}/?key=hunter2").status == 200
    assert "hunter2" not in caplog.text


def test_headers_that_are_sent():
    with ToolServer(lambda _: Reply(b"", headers={"Set-Cookie": "a=1", "X-A": "b"})) as server:
        request = HttpRequest("POST", f"{server.url}/p?q=1", {"user-agent": "mine", "X-Key": "k"}, b"{}")
        answer = HttpCalls(allow_loopback=True).send(request)
        seen = server.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/p?q=1", b"{}")
    names = [name.lower() for name, _ in seen.raw_headers]
    assert len(names) == len(set(names))
    assert (seen.headers["user-agent"], seen.headers["x-key"], seen.headers["content-length"]) == ("mine", "k", "2")
    assert answer.headers["x-a"] == "b"


def test_a_method_that_there_is_not_and_a_body_that_is_too_large_are_refused(guarded: ToolServer):
    calls = HttpCalls(allow_loopback=True)
    for request in (HttpRequest("CONNECT", guarded.url), HttpRequest("POST", guarded.url, {}, bytes(10_000_001))):
        with pytest.raises(ToolFailed, match=r"is not one of|at most are sent"):
            calls.send(request)
    assert guarded.connections == 0
