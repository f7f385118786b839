"""Which addresses tools may reach: public ones, so that nobody can use a tool to reach into the network it runs in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_EMBEDDING = {
    IPv6Network("::/96"): "an IPv4-compatible",
    IPv6Network("::ffff:0:0/96"): "an IPv4-mapped",
    IPv6Network("::ffff:0:0:0/96"): "an IPv4-translated",
    IPv6Network("64:ff9b:1::/48"): "a local NAT64",
    IPv6Network("2001::/32"): "a Teredo",
    IPv6Network("2002::/16"): "a 6to4",
}
_DOCUMENTATION = IPv6Network("3fff::/20")
_V4_LOOPBACK = IPv4Network("127.0.0.0/8")
_V6_LOOPBACK = IPv6Address(1)
_V4_RELAY = IPv4Network("192.88.99.0/24")
_V4_HOST_AGENT = IPv4Address("168.63.129.16")
_V4_SHARED = IPv4Network("100.64.0.0/10")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def refusal(address: str, *, allow_loopback: bool = False) -> str | None:
    """Why tools may not reach an address; None when they may.

    IPv6 addresses that hold an IPv4 address are refused whatever they hold, for nothing public needs them; but for those of NAT64's
    well-known prefix, by which a network that has only IPv6 reaches all public IPv4 ones: they are judged by what they hold.

    Args:
        address: In the usual notation.
        allow_loopback: Let loopback through, and nothing else.

    Returns:
        The kind of the address, with its article: ``a private address``.

    Raises:
        ValueError: It is no IP address.
    """
    found = ip_address(address.partition("%")[0])
    if found in _V4_LOOPBACK or found == _V6_LOOPBACK:
        return None if allow_loopback else "a loopback address"
    return _refusal_v4(found) if isinstance(found, IPv4Address) else _refusal_v6(found)


def _refusal_v4(found: IPv4Address) -> str | None:
    if kind := _usual(found):
        return kind
    if found in _V4_SHARED:
        return "a carrier's shared address"
    if found in _V4_RELAY or found == _V4_HOST_AGENT or not found.is_global:
        return "a reserved address"
    return None


def _refusal_v6(found: IPv6Address) -> str | None:
    if found in _NAT64:
        held = IPv4Address(int(found) & 0xFFFF_FFFF)
        return "a loopback address in a NAT64 one" if held in _V4_LOOPBACK else _refusal_v4(held)
    if found.is_unspecified:
        return "the unspecified address"
    for network, kind in _EMBEDDING.items():
        if found in network:
            return f"{kind} address"
    if int(found) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return "an ISATAP address"
    if kind := _usual(found):
        return kind
    if found not in _GLOBAL_UNICAST or found in _DOCUMENTATION or not found.is_global:
        return "a reserved address"
    return None


def _usual(found: IPv4Address | IPv6Address) -> str | None:
    if found.is_unspecified:
        return "the unspecified address"
    if found.is_link_local:
        return "a link-local address"
    if found.is_multicast:
        return "a multicast address"
    if found.is_private:
        return "a private address"
    if found.is_reserved:
        return "a reserved address"
    return None
