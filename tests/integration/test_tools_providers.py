"""Integrations that send files, wait for what they asked for, or sign: over real HTTP, with answers of the recorded shapes."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from silvercup.errors import ToolFailed
from silvercup.tools.calls import ToolCall
from tests.support.integrations import failed, form_of, integrate, runner_of
from tests.support.tool_server import Answer, Reply, Seen, ToolServer

PAGE = {
    "content": "# Otters",
    "costs": {"ai_cost": 0, "file_cost": 0.0001, "total_cost": 0.0002},
    "error": None,
    "status": 200,
    "url": "https://otters.example",
    "duration_elapsed_ms": 12,
}
SPIDER = {"spider_api_key": "key"}
ELEMENTS = [
    {
        "type": "Title",
        "element_id": "db1ca22813f01feda8759ff04a844e56",
        "text": "Otters",
        "metadata": {"filename": "a.pdf", "filetype": "application/pdf", "languages": ["eng"], "page_number": 1},
    }
]
UNSTRUCTURED = {"unstructured_api_key": "key"}
FILE = bytes(range(256)) * 20
IN_BASE64 = base64.b64encode(FILE).decode()


@pytest.mark.parametrize("method", ["crawl", "links", "screenshot"])
def test_spider(method: str):
    with ToolServer(
        lambda _: Reply.json([PAGE, {"url": "https://b.example", "error": "gone", "status": 404}])
    ) as server:
        given = {"url": "https://otters.example", "params": {"limit": 2, "metadata": False}}
        found = integrate(server, "spider", given, method=method, setup=SPIDER)
        assert found["result"] == [
            {key: value for key, value in PAGE.items() if key != "duration_elapsed_ms"},
            {"content": None, "costs": None, "error": "gone", "status": 404, "url": "https://b.example"},
        ]
        seen = server.requests[0]
        assert (seen.method, seen.path, seen.headers["authorization"]) == ("POST", f"/{method}", "Bearer key")
        assert json.loads(seen.body) == {"url": "https://otters.example", "limit": 2, "metadata": False}


@pytest.mark.parametrize(
    "answer",
    [
        {"content": [{"title": "Otters", "description": "They swim.", "url": "https://otters.example"}]},
        [{"content": "They swim.", "url": "https://otters.example"}],
    ],
)
def test_spider_searches(answer: Any):
    with ToolServer(lambda _: Reply.json(answer)) as server:
        (found,) = integrate(server, "spider", {"url": "otters"}, method="search", setup=SPIDER)["result"]
        assert (found["content"], found["url"]) == ("They swim.", "https://otters.example")
        assert (server.requests[0].path, json.loads(server.requests[0].body)) == ("/search", {"search": "otters"})


def test_spider_gives_other_types_as_they_are():
    with ToolServer(lambda _: Reply(b"url,content\na,b\n", headers={"Content-Type": "text/csv"})) as server:
        given = {"url": "https://a.example", "content_type": "text/csv"}
        (page,) = integrate(server, "spider", given, setup=SPIDER)["result"]
        assert (page["content"], page["status"], page["url"]) == ("url,content\na,b\n", 200, "https://a.example")
        assert server.requests[0].headers["accept"] == "text/csv"
        assert "the answer is not JSON" in failed(server, "spider", {"url": "https://a.example"}, setup=SPIDER).message


def test_unstructured():
    with ToolServer(lambda _: Reply.json(ELEMENTS)) as server:
        params = {"strategy": "High-Res", "languages": ["eng", "deu"], "coordinates": True, "max_characters": 500}
        given = {"file": IN_BASE64, "filename": 'a".pdf', "partition_params": params}
        found = integrate(server, "unstructured", given, setup=UNSTRUCTURED)
        assert found == {
            "content_type": "application/json",
            "status_code": 200,
            "csv_elements": None,
            "content": ELEMENTS,
        }
        seen = server.requests[0]
        assert (seen.path, seen.headers["unstructured-api-key"]) == ("/general/v0/general", "key")
        assert form_of(seen) == [
            ("strategy", None, b"hi_res"),
            ("languages", None, b"eng"),
            ("languages", None, b"deu"),
            ("coordinates", None, b"true"),
            ("max_characters", None, b"500"),
            ("files", "a%22.pdf", FILE),
        ]


def test_unstructured_elsewhere_and_as_csv():
    answer = Reply(b"type,text\nTitle,Otters\n", headers={"Content-Type": "text/csv; charset=utf-8"})
    with ToolServer(lambda _: answer) as here, ToolServer(lambda _: Reply()) as usual:
        setup = {**UNSTRUCTURED, "server_url": f"{here.url}/{{tenant}}/", "url_params": {"tenant": "otters"}}
        given = {"file": IN_BASE64, "partition_params": {"output_format": "text/csv"}}
        found = integrate(usual, "unstructured", given, setup=setup)
        assert found == {
            "content_type": "text/csv",
            "status_code": 200,
            "csv_elements": "type,text\nTitle,Otters\n",
            "content": None,
        }
        assert usual.connections == 0
        assert here.requests[0].path == "/otters/general/v0/general"


@pytest.mark.parametrize(
    ("given", "setup", "why"),
    [
        ({"file": "no base64!"}, UNSTRUCTURED, "is not base64"),
        (
            {"file": "YQ", "partition_params": {"strategy": "best"}},
            UNSTRUCTURED,
            "strategy 'best' is none that there is",
        ),
        ({"file": "YQ"}, {}, "lacks unstructured_api_key"),
        ({"file": "YQ"}, {**UNSTRUCTURED, "server_url": "https://{x}.example"}, "lacks x, which server_url names"),
        ({"file": "YQ"}, {**UNSTRUCTURED, "timeout_ms": True}, "timeout_ms in the setup"),
        ({}, UNSTRUCTURED, "file"),
    ],
)
def test_unstructured_that_will_not_do(given: dict[str, Any], setup: dict[str, Any], why: str):
    with ToolServer(lambda _: Reply.json([])) as server:
        assert why in failed(server, "unstructured", given, setup=setup).message
        assert server.connections == 0


class Llama:
    """LlamaParse: a job is pending when it is first asked for."""

    def __init__(self, status: str = "SUCCESS") -> None:
        self.status = status
        self.forms: list[list[tuple[str, str | None, bytes]]] = []
        self.asked: list[str] = []

    def __call__(self, seen: Seen) -> Answer:
        assert seen.headers["authorization"] == "Bearer llx"
        if seen.path == "/api/parsing/upload":
            self.forms.append(form_of(seen))
            return Reply.json({"id": f"job-{len(self.forms)}", "status": "PENDING"})
        job, _, kind = seen.path.removeprefix("/api/parsing/job/").partition("/result/")
        if kind:
            return Reply.json({kind: f"One of {job}\n---\nTwo", "job_metadata": {"job_pages": 2}})
        self.asked.append(job)
        is_first = self.asked.count(job) == 1
        error = {"error_code": "BAD_FILE", "error_message": "encrypted"} if self.status == "ERROR" else {}
        return Reply.json({"id": job, "status": "PENDING" if is_first else self.status, **error})


LLAMA = {"llamaparse_api_key": "llx", "params": {"language": "de", "num_workers": 4}}


def test_llama_parse():
    service = Llama()
    with ToolServer(service) as server:
        found = integrate(server, "llama_parse", {"file": IN_BASE64, "filename": "a.pdf", "base64": True}, setup=LLAMA)
        named = {"file_name": "a.pdf"}
        assert found == {"documents": [{"text": "One of job-1", "metadata": named}, {"text": "Two", "metadata": named}]}
        assert service.forms == [[("language", None, b"de"), ("file", "a.pdf", FILE)]]
        assert service.asked == ["job-1", "job-1"]
        assert server.requests[-1].path == "/api/parsing/job/job-1/result/text"


def test_llama_parse_of_several_files_as_markdown():
    service = Llama()
    with ToolServer(service) as server:
        given = {
            "file": ["https://files.example/a.pdf", IN_BASE64],
            "filename": "a.pdf",
            "params": {"result_type": "markdown", "split_by_page": False, "language": "en"},
        }
        found = integrate(server, "llama_parse", given, setup=LLAMA)["documents"]
        assert [(doc["text"], doc["metadata"]["file_name"]) for doc in found] == [
            ("One of job-1\n---\nTwo", "a-1.pdf"),
            ("One of job-2\n---\nTwo", "a-2.pdf"),
        ]
        assert service.forms == [
            [("language", None, b"en"), ("input_url", None, b"https://files.example/a.pdf")],
            [("language", None, b"en"), ("file", "a-2.pdf", FILE)],
        ]


def test_llama_parse_that_fails_says_why():
    with ToolServer(Llama("ERROR")) as server:
        error = failed(server, "llama_parse", {"file": IN_BASE64}, setup=LLAMA)
        assert "llama_parse.parse: the file could not be read: ERROR encrypted" in error.message
        assert not error.transient


def test_a_job_that_is_never_done_ends_with_the_call():
    with ToolServer(Llama("PENDING")) as server:
        tool = {"name": "use", "type": "integration", "integration": {"provider": "llama_parse", "setup": LLAMA}}
        runner = runner_of(tool_urls=json.dumps({"llama_parse": server.url}))
        with pytest.raises(ToolFailed, match="was not done in time"):
            runner.run(ToolCall("t", tool, {"file": IN_BASE64}, 1))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"file": "./here.pdf"}, "is not base64"),
        ({"file": "YQ", "params": {"result_type": "pdf"}}, "result_type 'pdf' is none that is given"),
        ({"file": []}, "arguments.file"),
    ],
)
def test_llama_parse_that_will_not_do(given: dict[str, Any], why: str):
    with ToolServer(Llama()) as server:
        assert why in failed(server, "llama_parse", given, setup=LLAMA).message
        assert server.connections == 0


def test_a_file_of_megabytes_is_sent():
    service, file = Llama(), bytes(5_000_000)
    with ToolServer(service) as server:
        assert integrate(server, "llama_parse", {"file": base64.b64encode(file).decode()}, setup=LLAMA)["documents"]
        assert service.forms[0][-1][2] == file


CLOUD = {"cloudinary_api_key": "123", "cloudinary_api_secret": "abcd", "cloudinary_cloud_name": "otters"}


def test_cloudinary_edits():
    with ToolServer(lambda _: Reply(FILE)) as server:
        steps = [
            {"width": 400, "height": 0.5, "crop": "fill", "gravity": "face"},
            {"effect": ["sepia", 80], "flags": ["a", "b"], "background": "#fff"},
            {"overlay": "logos/one", "raw_transformation": "x_10"},
            {},
        ]
        given = {"public_id": "zoo/otter one", "transformation": steps}
        path = "/otters/image/upload/c_fill,g_face,h_0.5,w_400/b_rgb:fff,e_sepia:80,fl_a.b/l_logos:one,x_10/v1/zoo/otter%20one"
        found = integrate(server, "cloudinary", given, setup=CLOUD)
        assert found == {"transformed_url": server.url + path, "base64": None}
        assert server.connections == 0
        found = integrate(server, "cloudinary", {**given, "return_base64": True}, method="media_edit", setup=CLOUD)
        assert found == {"transformed_url": server.url + path, "base64": IN_BASE64}
        assert server.requests[0].target == path


def test_cloudinary_signs_the_addresses_of_edits():
    with ToolServer(lambda _: Reply()) as server:
        given = {"public_id": "sample.png", "transformation": [{"width": 10, "crop": "crop"}]}
        found = integrate(server, "cloudinary", given, setup={**CLOUD, "params": {"sign_url": True}})
        signed = base64.urlsafe_b64encode(hashlib.sha1(b"c_crop,w_10/sample.pngabcd").digest())[:8].decode()
        assert found["transformed_url"] == f"{server.url}/otters/image/upload/s--{signed}--/c_crop,w_10/sample.png"


def test_cloudinary_uploads():
    def answer(seen: Seen) -> Answer:
        if seen.method == "GET":
            return Reply(FILE)
        kept = {"public_id": "sample_image", "version": 1, "format": "png", "bytes": 5, "url": "http://x.example"}
        return Reply.json({**kept, "secure_url": f"{server.url}/kept.png"})

    with ToolServer(answer) as server:
        params = {
            "timestamp": 1315060510,
            "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop",
            "resource_type": "video",
            "api_key": "456",
        }
        given = {
            "file": "https://files.example/a.png",
            "public_id": "sample_image",
            "upload_params": params,
            "return_base64": True,
        }
        found = integrate(server, "cloudinary", given, method="media_upload", setup=CLOUD)
        assert found == {
            "url": f"{server.url}/kept.png",
            "public_id": "sample_image",
            "base64": IN_BASE64,
            "meta_data": {"version": 1, "format": "png", "bytes": 5, "url": "http://x.example"},
        }
        assert server.requests[0].path == "/v1_1/otters/video/upload"
        assert {name: content.decode() for name, _, content in form_of(server.requests[0])} == {
            "timestamp": "1315060510",
            "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop",
            "public_id": "sample_image",
            "file": "https://files.example/a.png",
            "api_key": "123",
            "signature": "bfd09f95f331f558cbd1320e67aa8d488770583e",
        }
        found = integrate(server, "cloudinary", {"file": "https://f.example"}, method="media_upload", setup=CLOUD)
        assert found["base64"] is None
        sent = {name: content for name, _, content in form_of(server.requests[-1])}
        assert len(sent["public_id"]) == 36
        assert sent["timestamp"].isdigit()


@pytest.mark.parametrize(
    ("method", "given", "why"),
    [
        ("media_edit", {"public_id": "a", "transformation": [{"widht": 3}]}, "'widht' is no parameter"),
        ("media_edit", {"public_id": "a", "transformation": [{"border": {"width": 3}}]}, "border of a transformation"),
        ("media_edit", {"public_id": "a"}, "transformation"),
        ("media_upload", {"file": "a", "upload_params": {"resource_type": "../x"}}, "resource_type '../x'"),
    ],
)
def test_cloudinary_that_will_not_do(method: str, given: dict[str, Any], why: str):
    with ToolServer(lambda _: Reply.json({})) as server:
        error = failed(server, "cloudinary", given, method=method, setup=CLOUD)
        assert why in error.message
        assert "abcd" not in error.message
        assert server.connections == 0


SESSION = {
    "id": "78596eea-2f71",
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
    "projectId": "p1",
    "startedAt": "2026-01-01T00:00:01Z",
    "endedAt": None,
    "expiresAt": "2026-01-01T01:00:00Z",
    "status": "RUNNING",
    "proxyBytes": 0,
    "avgCpuUsage": 3,
    "memoryUsage": 5,
    "keepAlive": False,
    "contextId": None,
    "region": "us-west-2",
}
NEW = {**SESSION, "connectUrl": "wss://connect.browserbase.com/?x", "signingKey": "sk", "seleniumRemoteUrl": "http://s"}
LIVE = {
    "debuggerFullscreenUrl": "https://d.example/full",
    "debuggerUrl": "https://d.example",
    "pages": [{"id": "1", "url": "https://a.example", "title": "A"}],
    "wsUrl": "wss://d.example",
}
BROWSERBASE = {"api_key": "bb", "project_id": "p1"}


def browserbase(seen: Seen) -> Answer:
    if seen.path.startswith("/otters/"):
        return Reply(FILE)
    assert seen.headers["x-bb-api-key"] == "bb"
    match seen.method, seen.path:
        case "GET", "/v1/sessions":
            return Reply.json([SESSION])
        case "POST", "/v1/sessions":
            return Reply.json(NEW)
        case "GET", "/v1/sessions/78596eea-2f71":
            return Reply.json(SESSION)
        case "POST", "/v1/sessions/78596eea-2f71":
            return Reply.json(SESSION)
        case "GET", "/v1/sessions/78596eea-2f71/debug":
            return Reply.json(LIVE)
        case "POST", "/v1/extensions":
            return Reply.json({"id": "ext-1", "fileName": "extension.zip"})
        case _:
            return Reply.json({"statusCode": 404, "error": "Not Found", "message": "no such session"}, 404)


def browse(server: ToolServer, method: str, **given: Any) -> Any:
    return integrate(server, "browserbase", given, method=method, setup=BROWSERBASE)


def test_sessions_of_browserbase():
    shown = {key: SESSION[key] for key in SESSION if key not in {"updatedAt", "region"}}
    with ToolServer(browserbase) as server:
        assert integrate(server, "browserbase", {}, setup=BROWSERBASE) == {"sessions": [SESSION]}
        assert browse(server, "list_sessions", status="RUNNING") == {"sessions": [SESSION]}
        assert [seen.query for seen in server.requests] == [{}, {"status": "RUNNING"}]
        assert browse(server, "create_session") == {**shown, "connect_url": "wss://connect.browserbase.com/?x"}
        given = {"projectId": "p2", "browserSettings": {"blockAds": True}, "timeout": 60, "proxies": [{"type": "x"}]}
        browse(server, "create_session", **given)
        assert [json.loads(seen.body) for seen in server.requests[2:]] == [{"projectId": "p1"}, given]
        assert browse(server, "get_session", id="78596eea-2f71") == {**shown, "connect_url": None}
        assert browse(server, "get_live_urls", id="78596eea-2f71") == {"urls": LIVE}
        assert browse(server, "complete_session", id="78596eea-2f71") == {"success": True}
        assert json.loads(server.requests[-1].body) == {"projectId": "p1", "status": "REQUEST_RELEASE"}
        assert browse(server, "complete_session", id="gone") == {"success": False}
        assert (
            "answered 404"
            in failed(server, "browserbase", {"id": "gone"}, method="get_session", setup=BROWSERBASE).message
        )


@pytest.mark.parametrize(
    ("ref", "path"), [("v1.2", "/otters/ext/archive/v1.2.zip"), (None, "/otters/ext/archive/HEAD.zip")]
)
def test_an_extension_for_browserbase(ref: str | None, path: str):
    with ToolServer(browserbase) as server:
        given = {"repositoryName": "otters/ext", "ref": ref}
        assert browse(server, "install_extension_from_github", **given) == {"id": "ext-1"}
        assert server.requests[0].path == path
        assert "x-bb-api-key" not in server.requests[0].headers
        assert form_of(server.requests[1]) == [("file", "extension.zip", FILE)]


@pytest.mark.parametrize("api_url", ["https://www.browserbase.com/", None, "there"])
def test_where_browserbase_is(api_url: str | None):
    with ToolServer(browserbase) as usual, ToolServer(browserbase) as there:
        setup = {**BROWSERBASE, "api_url": f"{there.url}/v1" if api_url == "there" else api_url}
        assert integrate(usual, "browserbase", {}, setup=setup)["sessions"]
        assert (usual.connections, there.connections) == ((0, 1) if api_url == "there" else (1, 0))


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("get_session", {"id": "../extensions"}),
        ("install_extension_from_github", {"repositoryName": "../x"}),
        ("install_extension_from_github", {"repositoryName": "a/b", "ref": "../../../c"}),
        ("install_extension_from_github", {"repositoryName": "a/b/../../c"}),
        ("create_session", {"timeout": 5}),
        ("list_sessions", {"status": "running"}),
        ("get_logs", {}),
    ],
)
def test_browserbase_that_will_not_do(method: str, given: dict[str, Any]):
    with ToolServer(browserbase) as server:
        failed(server, "browserbase", given, method=method, setup=BROWSERBASE)
        assert server.connections == 0
