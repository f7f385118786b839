"""What services that read files are sent."""

from __future__ import annotations

import re
from typing import Any, cast
from uuid import uuid4

from silvercup.errors import ToolFailed
from silvercup.values import JsonObject

_STRATEGIES = {
    "hires": "hi_res",
    "hires_ocr": "hi_res",
    "highres": "hi_res",
    "high_res": "hi_res",
    "ocr": "ocr_only",
    "ocronly": "ocr_only",
    "od": "od_only",
    "odonly": "od_only",
    "object_detection_only": "od_only",
}
"""Other names of strategies, as v1 knows them."""
_KNOWN = frozenset("fast hi_res auto ocr_only od_only vlm".split())
_CLIENTS = frozenset(
    "api_key base_url num_workers verbose show_progress check_interval max_timeout ignore_errors custom_client file input_url".split()
)
"""Parameters of LlamaParse's Python client that are not the service's."""
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def partition(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """Unstructured's form.

    Returns:
        ``{url, accept, form}``.

    Raises:
        ToolFailed: The strategy is none that there is, or a place of ``server_url`` is not filled.
    """
    params: JsonObject = dict(arguments["partition_params"])
    if params.get("strategy") is not None:
        params["strategy"] = _strategy(params["strategy"])
    params.pop("files", None)
    filename = arguments.get("filename") or f"{uuid4()}.txt"
    csv = params.get("output_format") == "text/csv"
    return {
        "url": _server(setup, urls["api"]),
        "accept": "text/csv" if csv else "application/json",
        "form": {**params, "files": {"filename": filename, "base64": arguments["file"]}},
    }


def _strategy(given: Any) -> str:
    name = str(given).strip().lower().replace("-", "_").replace(" ", "_")
    found = _STRATEGIES.get(name, name)
    if found not in _KNOWN:
        raise ToolFailed(f"The strategy {name[:40]!r} is none that there is; there are {', '.join(sorted(_KNOWN))}")
    return found


def _server(setup: JsonObject, usual: str) -> str:
    """Where Unstructured is: without the path, which some give along."""
    places: JsonObject = setup.get("url_params") or {}

    def fill(found: re.Match[str]) -> str:
        if found[1] not in places:
            raise ToolFailed(f"url_params in the setup lacks {found[1]}, which server_url names")
        return str(places[found[1]])

    url = _PLACE.sub(fill, setup.get("server_url") or usual)
    return url.rstrip("/").removesuffix("/general/v0/general")


def llama_forms(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """LlamaParse's forms.

    Returns:
        ``{forms, names, type, by_page}``: a form and a name for each file, the kind of text, and whether each page is a document.

    Raises:
        ToolFailed: The kind of text is none that is given.
    """
    del urls
    params: JsonObject = {**(setup.get("params") or {}), **arguments["params"]}
    kind = str(params.pop("result_type", "text")).lower().removeprefix("resulttype.")
    kind = {"md": "markdown", "txt": "text"}.get(kind, kind)
    if kind not in {"text", "markdown"}:
        raise ToolFailed(f"The result_type {kind[:40]!r} is none that is given; there are text and markdown")
    by_page = params.pop("split_by_page", True) is True
    sent = {key: value for key, value in params.items() if key not in _CLIENTS}
    given: Any = arguments["file"]
    files = cast("list[str]", given) if isinstance(given, list) else [str(given)]
    names = [_name(arguments.get("filename"), n, len(files)) for n in range(len(files))]
    forms: list[JsonObject] = []
    for file, name in zip(files, names, strict=True):
        is_address = not arguments["base64"] and file.lower().startswith(("http://", "https://"))
        forms.append({**sent, **({"input_url": file} if is_address else {"file": {"filename": name, "base64": file}})})
    return {"forms": forms, "names": names, "type": kind, "by_page": by_page}


def _name(given: Any, n: int, count: int) -> str:
    if not given:
        return str(uuid4())
    if count == 1:
        return str(given)
    stem, dot, ending = str(given).rpartition(".")
    return f"{stem}-{n + 1}.{ending}" if dot else f"{given}-{n + 1}"
