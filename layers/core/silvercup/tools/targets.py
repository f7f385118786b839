"""URLs of tools, read strictly: the host that is read here is the one that is looked up, checked and spoken to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

from silvercup.errors import Problem, ToolFailed
from silvercup.values import kind_of

MAX_URL = 16_000
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?:#.*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"(?!.{254})(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)*(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AS_IT_IS = "%!$&'()*+,;=:@/?~[]"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    Attributes:
        scheme: ``http`` or ``https``.
        host: A name in ASCII, or an IP address without brackets, in lower case.
        port: 1 to 65535.
        path: Path and query as they are sent, beginning with ``/``.
        is_address: Whether the host is an IP address.
    """

    scheme: str
    host: str
    port: int
    path: str
    is_address: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom it speaks to: what was meant for one origin is not sent to another."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For messages: without path and query, which may hold what is secret."""
        return f"{self.scheme}://{self.authority}"


def target_of(url: str) -> Target:
    """Read a URL.

    Raises:
        ToolFailed: It is not an absolute http or https URL in its usual notation; says what is wrong.
    """
    if len(url) > MAX_URL:
        raise _wrong(url, f"it has {len(url):,} characters, {MAX_URL:,} at most are sent")
    if _CONTROL.search(url):
        raise _wrong(url, "it has control characters")
    if "\\" in url:
        raise _wrong(url, "it has a backslash")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise _wrong(url, "it is not absolute: it begins with https:// and a host")
    scheme = parts["scheme"].lower()
    if scheme not in _PORTS:
        raise _wrong(url, f"its scheme is {scheme}; only http and https are spoken")
    if "@" in parts["authority"]:
        raise _wrong(url, "it has a user before the host; put credentials into a header")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise _wrong(url, "what follows :// is not a host and a port")
    port = _PORTS[scheme] if authority["port"] is None else int(authority["port"])
    if not 1 <= port <= 65535:
        raise _wrong(url, f"the port {port} is not one of 1 to 65535")
    host, is_address = _host(url, authority["host"])
    rest = parts["rest"]
    path = quote(rest if rest.startswith("/") else f"/{rest}", safe=_AS_IT_IS, errors="replace")
    return Target(scheme, host, port, path, is_address)


def url_problem(url: object) -> str | None:
    """What is wrong with what is to be a URL, if anything: that it is no string, or what ``target_of`` has against it."""
    if not isinstance(url, str):
        return f"must be a string; it is {kind_of(url)}"
    try:
        target_of(url)
    except ToolFailed as error:
        return error.details[0].msg
    return None


def _host(url: str, text: str) -> tuple[str, bool]:
    """The host in ASCII and lower case, and whether it is an address."""
    if text.startswith("["):
        try:
            return str(IPv6Address(_without_zone(url, text[1:-1]))), True
        except AddressValueError:
            raise _wrong(url, "what stands in brackets is not an IPv6 address") from None
    name = _ascii(url, text.lower())
    if name.endswith("."):
        raise _wrong(url, "its host ends with a dot")
    if not _NAME.fullmatch(name):
        raise _wrong(url, "its host is not a name or an address")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name, False
    try:
        return str(IPv4Address(name)), True
    except AddressValueError:
        raise _wrong(url, "its host is an address in an unusual notation; write four decimal numbers") from None


def _without_zone(url: str, text: str) -> str:
    if "%" in text:
        raise _wrong(url, "its IPv6 address has a zone")
    return text


def _ascii(url: str, name: str) -> str:
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, strict=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _wrong(url, "its host has characters that no name of a host has") from None


def _wrong(url: str, why: str) -> ToolFailed:
    scheme, mark, rest = url.partition("://")
    shown = _CONTROL.sub("?", re.split(r"[/?#]", rest)[0].rpartition("@")[2] if mark else scheme)[:100]
    return ToolFailed(f"The URL of {shown!r} is refused: {why}", [Problem("url", f"is refused: {why}")])
