"""How URLs of tools are read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import ToolFailed
from silvercup.tools.targets import target_of

SAFE_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@pytest.mark.parametrize(
    ("url", "authority", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("HTTPS://Example.COM/A?b=c#d", "example.com", 443, "/A?b=c"),
        ("http://example.com:8080?q=1", "example.com:8080", 8080, "/?q=1"),
        ("https://example.com:443/", "example.com", 443, "/"),
        ("https://[2606:4700:0::1]:8443/x", "[2606:4700::1]:8443", 8443, "/x"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://bücher.example/ü?x=a b", "xn--bcher-kva.example", 443, "/%C3%BC?x=a%20b"),
        ("https://a_b.example/%2F?x=%20&y=[1]", "a_b.example", 443, "/%2F?x=%20&y=[1]"),
        ("https://example.com/a@b:c", "example.com", 443, "/a@b:c"),
    ],
)
def test_urls_in_their_usual_notation(url: str, authority: str, port: int, path: str):
    target = target_of(url)
    assert (target.authority, target.port, target.path) == (authority, port, path)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "not absolute"),
        ("example.com/x", "not absolute"),
        ("//example.com/x", "not absolute"),
        ("https:/example.com", "not absolute"),
        ("ftp://example.com", "its scheme is ftp"),
        ("file:///etc/passwd", "its scheme is file"),
        ("gopher://127.0.0.1:70/", "its scheme is gopher"),
        ("https://", "not a name"),
        ("https://user:pw@example.com/", "a user before the host"),
        ("https://example.com@evil.example/", "a user before the host"),
        ("https://example.com\\@evil.example/", "a backslash"),
        ("https://exa\tmple.com/", "control characters"),
        ("https://example.com/\r\nHost: evil", "control characters"),
        ("https://example.com:0/", "the port 0"),
        ("https://example.com:65536/", "the port 65536"),
        ("https://example.com:٨٠/", "not a host and a port"),
        ("https://example.com:-1/", "not a host and a port"),
        ("https://example.com:/", "not a host and a port"),
        ("https://example.com./", "ends with a dot"),
        ("https://exam ple.com/", "not a name"),
        ("https://exa%6dple.com/", "not a name"),
        ("https://-a.example/", "not a name"),
        ("https://a..example/", "not a name"),
        ("https://" + "a" * 64 + ".example/", "not a name"),
        ("https://" + "a." * 127 + "example/", "not a name"),
        ("https://2130706433/", "unusual notation"),
        ("https://127.1/", "unusual notation"),
        ("https://0x7f.0.0.1/", "unusual notation"),
        ("https://0177.0.0.1/", "unusual notation"),
        ("https://1.2.3.4.5/", "unusual notation"),
        ("https://example.0x/", "unusual notation"),
        ("https://[::1%25eth0]/", "has a zone"),
        ("https://[v1.x]/", "not an IPv6 address"),
        ("https://[::1/", "not a host and a port"),
        ("https://①②⑦.⓪.⓪.①/", "no name of a host"),
        ("https://\uff11\uff12\uff17.0.0.1/", "no name of a host"),
        ("https://example。com/", "no name of a host"),
        ("https://" + "a" * 16_001, "16,000 at most"),
    ],
)
def test_what_is_no_usual_notation_is_refused_with_the_reason(url: str, why: str):
    with pytest.raises(ToolFailed, match=re.escape(why)):
        target_of(url)


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@example.com/", "https://exam ple.com/hunter2?key=hunter2#hunter2"]
)
def test_messages_hold_neither_credentials_nor_paths(url: str):
    with pytest.raises(ToolFailed) as caught:
        target_of(url)
    assert "hunter2" not in caught.value.message


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"https://{text}/"))
def test_any_text_is_refused_or_has_a_host_that_can_mean_one_thing_only(text: str):
    try:
        target = target_of(text)
    except ToolFailed:
        return
    assert SAFE_HOST.fullmatch(target.host)
    assert target.path.isascii()
    assert not re.search(r"[\s\x00-\x1f\\]", target.path)
    again = target_of(f"{target.scheme}://{target.authority}{target.path}")
    assert again == target
