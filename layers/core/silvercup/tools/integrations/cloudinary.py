"""Cloudinary's addresses and signatures.

The rules: https://cloudinary.com/documentation/authentication_signatures and https://cloudinary.com/documentation/transformation_reference.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

from silvercup.errors import ToolFailed
from silvercup.values import JsonObject, dumps

_SHORT = {
    "angle": "a",
    "aspect_ratio": "ar",
    "audio_codec": "ac",
    "audio_frequency": "af",
    "background": "b",
    "bit_rate": "br",
    "border": "bo",
    "color": "co",
    "color_space": "cs",
    "crop": "c",
    "default_image": "d",
    "delay": "dl",
    "density": "dn",
    "dpr": "dpr",
    "duration": "du",
    "effect": "e",
    "end_offset": "eo",
    "fetch_format": "f",
    "flags": "fl",
    "fps": "fps",
    "gravity": "g",
    "height": "h",
    "opacity": "o",
    "overlay": "l",
    "page": "pg",
    "prefix": "p",
    "quality": "q",
    "radius": "r",
    "start_offset": "so",
    "streaming_profile": "sp",
    "transformation": "t",
    "underlay": "u",
    "video_codec": "vc",
    "width": "w",
    "x": "x",
    "y": "y",
    "zoom": "z",
}
"""Parameters of a transformation, and how addresses write them."""
_UNSIGNED = frozenset({"file", "api_key", "resource_type", "cloud_name", "signature"})
_KINDS = frozenset({"image", "video", "raw", "auto"})


def delivery(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """Where a file is as it is after transformations.

    Returns:
        ``{url}``.

    Raises:
        ToolFailed: A parameter of a transformation is none that there is.
    """
    steps = "/".join(filter(None, (_step(one) for one in cast("list[JsonObject]", arguments["transformation"]))))
    public_id = quote(str(arguments["public_id"]), safe="/:")
    version = "v1" if "/" in public_id and not re.match(r"v[0-9]+/", public_id) else ""
    signature = ""
    if (setup.get("params") or {}).get("sign_url") is True:
        signed = "/".join(filter(None, (steps, public_id))) + str(setup["cloudinary_api_secret"])
        digest = hashlib.sha1(signed.encode(), usedforsecurity=False).digest()
        signature = f"s--{base64.urlsafe_b64encode(digest)[:8].decode()}--"
    path = [_cloud(setup), "image", "upload", signature, steps, version, public_id]
    return {"url": f"{urls['delivery']}/{'/'.join(filter(None, path))}"}


def upload(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """The signed form of an upload.

    Returns:
        ``{url, form}``.

    Raises:
        ToolFailed: A parameter has a value that can't be sent.
    """
    params: JsonObject = {
        key: value for key, value in arguments["upload_params"].items() if key not in {"file", "api_key"}
    }
    kind = params.pop("resource_type", "image")
    if kind not in _KINDS:
        raise ToolFailed(
            f"The resource_type {str(kind)[:40]!r} is none that there is; there are {', '.join(sorted(_KINDS))}"
        )
    params["public_id"] = arguments.get("public_id") or params.get("public_id") or str(uuid4())
    params.setdefault("timestamp", int(time.time()))
    sent = {key: _sent(key, value) for key, value in params.items() if value not in (None, "", [])}
    form = {
        **sent,
        "file": arguments["file"],
        "api_key": setup["cloudinary_api_key"],
        "signature": signature(sent, str(setup["cloudinary_api_secret"])),
    }
    return {"url": f"{urls['api']}/v1_1/{_cloud(setup)}/{kind}/upload", "form": form}


def signature(params: JsonObject, secret: str) -> str:
    """The SHA-1 of the parameters, in the order of their names, and the secret; what is never signed is left out."""
    signed = "&".join(f"{key}={params[key]}" for key in sorted(params) if key not in _UNSIGNED)
    return hashlib.sha1(f"{signed}{secret}".encode(), usedforsecurity=False).hexdigest()


def _cloud(setup: JsonObject) -> str:
    return quote(str(setup["cloudinary_cloud_name"]), safe="")


def _sent(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if key in {"transformation", "eager"} and isinstance(value, list | dict):
        several = cast("list[JsonObject]", value if isinstance(value, list) else [value])
        return ("|" if key == "eager" else "/").join(
            one if isinstance(one, str) else _step(one) for one in cast("list[Any]", several)
        )
    if key in {"context", "metadata"} and isinstance(value, dict):
        pairs = cast("JsonObject", value)
        return "|".join(f"{name}={_escaped(one)}" for name, one in pairs.items())
    if isinstance(value, list):
        return ",".join(str(one) for one in cast("list[Any]", value))
    return dumps(value) if isinstance(value, dict) else str(value)


def _escaped(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("=", "\\=")


def _step(step: JsonObject) -> str:
    """One step as addresses write it: ``c_fill,h_100,w_100``, then what is given raw."""
    raw = str(step.get("raw_transformation") or "")
    parts: list[str] = []
    for key, value in step.items():
        if key == "raw_transformation" or value is None:
            continue
        if key not in _SHORT:
            known = ", ".join(sorted({*_SHORT, "raw_transformation"}))
            raise ToolFailed(f"{key[:40]!r} is no parameter of a transformation; there are {known}")
        parts.append(f"{_SHORT[key]}_{_value(key, value)}")
    return ",".join([*sorted(parts), *([quote(raw, safe=",_:/.$!()|-+*=;&~@")] if raw else [])])


def _value(key: str, value: Any) -> str:
    if isinstance(value, list):
        return (":" if key == "effect" else ".").join(_value(key, one) for one in cast("list[Any]", value))
    if isinstance(value, dict):
        raise ToolFailed(f"{key} of a transformation must be text or a number; write it as addresses do")
    text = str(value)
    if key in {"background", "color"} and text.startswith("#"):
        text = f"rgb:{text[1:]}"
    if key in {"overlay", "underlay"}:
        text = text.replace("/", ":")
    return quote(text, safe=":.-_!$*()|;")
