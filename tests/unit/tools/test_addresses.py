"""Which addresses tools may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silvercup.tools.addresses import refusal

PRIVATE_V4 = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/8"]
OTHER_V4 = ["224.0.0.0/4", "240.0.0.0/4", "198.18.0.0/15", "192.0.2.0/24", "203.0.113.0/24", "192.88.99.0/24"]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_ones_may_be_reached(address: str):
    assert refusal(address) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "a loopback address"),
        ("::1", "a loopback address"),
        ("10.1.2.3", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("169.254.170.2", "a link-local address"),
        ("100.100.100.200", "a carrier's shared address"),
        ("168.63.129.16", "a reserved address"),
        ("0.0.0.0", "the unspecified address"),
        ("::", "the unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("255.255.255.255", "a private address"),
        ("fd00:ec2::254", "a private address"),
        ("fe80::1%eth0", "a link-local address"),
        ("ff02::1", "a multicast address"),
        ("::ffff:8.8.8.8", "an IPv4-mapped address"),
        ("::8.8.8.8", "an IPv4-compatible address"),
        ("::ffff:0:127.0.0.1", "an IPv4-translated address"),
        ("2002:7f00:1::", "a 6to4 address"),
        ("2001:0:53aa:64c::1", "a Teredo address"),
        ("64:ff9b::7f00:1", "a loopback address in a NAT64 one"),
        ("64:ff9b::a9fe:a9fe", "a link-local address"),
        ("64:ff9b:1::808:808", "a local NAT64 address"),
        ("2606:4700::5efe:7f00:1", "an ISATAP address"),
        ("4000::1", "a reserved address"),
        ("2001:db8::1", "a private address"),
    ],
)
def test_all_others_are_refused_and_named(address: str, kind: str):
    assert refusal(address) == kind


@pytest.mark.parametrize("address", ["fec0::1", "5f00::1", "100::1", "3fff::1", "2001:2::1", "192.0.0.170"])
def test_what_newer_registries_call_otherwise_is_refused_by_whatever_name(address: str):
    assert refusal(address) is not None


@given(st.sampled_from(PRIVATE_V4 + OTHER_V4).flatmap(lambda network: st.ip_addresses(network=network)))
def test_no_address_of_a_network_that_is_not_public_passes_in_any_form(address: IPv4Address | IPv6Address):
    value = int(address)
    assert refusal(str(address)) is not None
    for form in (value, 0xFFFF << 32 | value, 0x64FF9B << 96 | value, 0x2002 << 112 | value << 80):
        assert refusal(str(IPv6Address(form))) is not None


@given(st.ip_addresses())
@example(IPv4Address("127.255.255.255"))
@example(IPv6Address("::1"))
@example(IPv6Address("::ffff:127.0.0.1"))
def test_what_loopback_opens_is_loopback_only(address: IPv4Address | IPv6Address):
    opened = refusal(str(address), allow_loopback=True)
    loopback = int(address) >> 24 == 127 if address.version == 4 else int(address) == 1
    assert opened == (None if loopback else refusal(str(address)))


@given(st.ip_addresses(v=4))
def test_what_passes_is_what_the_registries_call_global(address: IPv4Address):
    if refusal(str(address)) is None:
        assert address.is_global
        assert not address.is_multicast
