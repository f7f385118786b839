"""A full definition of every method of every provider: v1's setups and arguments."""

from __future__ import annotations

import copy
from typing import Any

type Object = dict[str, Any]

_SHEET: Object = {"spreadsheet_id": "s", "range": "A1:B2"}
_READING: Object = {
    "major_dimension": "ROWS",
    "value_render_option": "FORMULA",
    "date_time_render_option": "SERIAL_NUMBER",
}
_WRITING: Object = {
    **_SHEET,
    "values": [[1, "a"], [None, True]],
    "value_input_option": "RAW",
    "insert_data_option": "OVERWRITE",
    "include_values_in_response": True,
}
_SPIDER: Object = {"url": "https://example.com", "content_type": "text/csv", "params": {"limit": 1}}

SETUPS: dict[str, Object] = {
    "arxiv": {},
    "brave": {"brave_api_key": "k"},
    "browserbase": {
        "api_key": "k",
        "project_id": "p",
        "api_url": "https://www.browserbase.com",
        "connect_url": "wss://connect.browserbase.com",
    },
    "cloudinary": {
        "cloudinary_api_key": "k",
        "cloudinary_api_secret": "s",
        "cloudinary_cloud_name": "c",
        "params": {"sign_url": True},
    },
    "dummy": {"anything": 1},
    "email": {"host": "mail.example.com", "port": 587, "user": "u", "password": "p"},
    "llama_parse": {"llamaparse_api_key": "k", "params": {"language": "en"}},
    "mcp": {
        "transport": "sse",
        "command": "c",
        "args": ["a"],
        "cwd": "/",
        "env": {"A": "b"},
        "http_url": "http://localhost:8000/mcp",
        "http_headers": {"Authorization": "Bearer t"},
    },
    "spider": {"spider_api_key": "k"},
    "unstructured": {
        "unstructured_api_key": "k",
        "server_url": "https://{region}.example.com",
        "server": "free-api",
        "url_params": {"region": "eu"},
        "retry_config": {"strategy": "backoff"},
        "timeout_ms": 1000,
    },
    "weather": {"openweathermap_api_key": "k"},
    "wikipedia": {},
    "algolia": {"algolia_application_id": "a", "algolia_api_key": "k"},
    "ffmpeg": {},
    "google_sheets": {"use_julep_service": False, "service_account_json": "e30=", "default_retry_count": 3},
    "mailgun": {"api_key": "k"},
    "remote_browser": {"connect_url": "wss://browser.example.com", "width": 1024, "height": 768},
}
"""By provider: a setup with every key that it can have."""

ARGUMENTS: dict[tuple[str, str], Object] = {
    ("arxiv", "search"): {
        "query": "q",
        "id_list": ["1"],
        "max_results": 5,
        "download_pdf": True,
        "sort_by": "submittedDate",
        "sort_order": "ascending",
    },
    ("brave", "search"): {"query": "q"},
    ("browserbase", "list_sessions"): {"status": "RUNNING"},
    ("browserbase", "create_session"): {
        "projectId": "p",
        "extensionId": "e",
        "browserSettings": {"viewport": {}},
        "timeout": 3600,
        "keepAlive": False,
        "proxies": [{"type": "browserbase"}],
    },
    ("browserbase", "get_session"): {"id": "i"},
    ("browserbase", "complete_session"): {"id": "i", "status": "REQUEST_RELEASE"},
    ("browserbase", "get_live_urls"): {"id": "i"},
    ("browserbase", "install_extension_from_github"): {"repositoryName": "a/b", "ref": "main"},
    ("cloudinary", "media_edit"): {"public_id": "p", "transformation": [{"width": 1}], "return_base64": False},
    ("cloudinary", "media_upload"): {
        "file": "https://example.com/a.png",
        "public_id": "p",
        "upload_params": {"folder": "f"},
        "return_base64": True,
    },
    ("dummy", "default"): {"anything": 1},
    ("email", "send"): {"to": "a@b.example", "from": "c@d.example", "subject": "s", "body": "b"},
    ("llama_parse", "parse"): {
        "file": ["YQ==", "https://example.com/a.pdf"],
        "filename": "a.pdf",
        "base64": True,
        "params": {"result_type": "text"},
    },
    ("mcp", "list_tools"): {"dummy": "dummy"},
    ("mcp", "call_tool"): {"tool_name": "t", "arguments": {"a": 1}, "timeout_seconds": 60},
    **{("spider", method): _SPIDER for method in ("crawl", "links", "screenshot", "search")},
    ("unstructured", "parse"): {"file": "YQ==", "filename": "a.pdf", "partition_params": {"strategy": "auto"}},
    ("weather", "get"): {"location": "Oslo"},
    ("wikipedia", "search"): {"query": "q", "load_max_docs": 2},
    ("algolia", "search"): {"index_name": "i", "query": "q", "attributes_to_retrieve": ["a"], "hits_per_page": 1000},
    ("ffmpeg", "bash_cmd"): {"cmd": "ffmpeg -i a.mp4 b.mp3", "file": ["YQ=="]},
    ("google_sheets", "read_values"): {**_SHEET, **_READING},
    ("google_sheets", "write_values"): _WRITING,
    ("google_sheets", "append_values"): _WRITING,
    ("google_sheets", "clear_values"): _SHEET,
    ("google_sheets", "batch_read"): {"spreadsheet_id": "s", "ranges": ["A1"], **_READING},
    ("google_sheets", "batch_write"): {
        "spreadsheet_id": "s",
        "data": [{"range": "A1", "values": [[1]], "major_dimension": "COLUMNS"}],
        "value_input_option": "USER_ENTERED",
        "include_values_in_response": False,
    },
    ("mailgun", "send_email"): {
        "to": "a@b.example",
        "from": "c@d.example",
        "subject": "s",
        "body": "b",
        "cc": "e@f.example",
        "bcc": "g@h.example,i@j.example",
    },
    ("remote_browser", "perform_action"): {
        "connect_url": "wss://browser.example.com",
        "action": "left_click_drag",
        "text": "t",
        "coordinate": [1, 2],
    },
}
"""By provider and method: every argument that it can have."""

METHODS = list(ARGUMENTS)


def definition(provider: str, method: str) -> Object:
    """A full definition, to be changed at will: what stands under ``integration``."""
    spec = {
        "provider": provider,
        "method": method,
        "setup": SETUPS[provider],
        "arguments": ARGUMENTS[provider, method],
    }
    return copy.deepcopy(spec)
