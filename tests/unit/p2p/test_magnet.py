"""Magnet links: what is read, what is written, what is refused."""

import pytest

from p2p.errors import MagnetError
from p2p.magnet import MAX_FILE, Magnet, UpdateMagnet, parse, parse_any, parse_update

HEX = "0123456789abcdef0123456789abcdef01234567"
HASH = bytes.fromhex(HEX)
LINK = f"magnet:?xt=urn:btih:{HEX}"


def test_every_field():
    magnet = parse(
        LINK + "&dn=a+film%20%26%C3%A9.mkv&xl=1048576&tr=http%3A%2F%2Ft&ws=http%3A%2F%2Fw"
        "&x.pe=127.0.0.1:6881&x.pe=%5B2001%3adb8::1%5D:80&x.pe=peer.example:65535"
    )
    assert magnet == Magnet(
        HASH,
        "a film &é.mkv",
        1048576,
        (("127.0.0.1", 6881), ("2001:db8::1", 80), ("peer.example", 65535)),
    )


def test_only_the_infohash_is_needed():
    assert parse(LINK) == Magnet(HASH)
    assert parse(f" {LINK}&dn=&unknown=1&so=\n") == Magnet(HASH)


def test_files_are_selected_by_number_and_range():
    assert parse(f"{LINK}&so=0,2,4,6-8").select == ((0, 0), (2, 2), (4, 4), (6, 8))
    assert parse(f"{LINK}&so=9-10&so=1%2C1-2").select == ((9, 10), (1, 1), (1, 2))
    assert parse(f"{LINK}&so=0-{MAX_FILE}").select == ((0, MAX_FILE),)


def test_hash_in_upper_case_and_in_base32():
    assert parse(f"MAGNET:?xt=URN:BTIH:{HEX.upper()}").infohash == HASH
    base32 = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"
    assert parse(f"magnet:?xt=urn:btih:{base32}").infohash == HASH
    assert parse(f"magnet:?xt=urn:btih:{base32.lower()}").infohash == HASH


def test_hybrid_link_gives_its_v1_hash():
    assert parse(f"magnet:?xt=urn:btmh:1220{'a' * 64}&xt=urn:btih:{HEX}").infohash == HASH
    assert parse(f"{LINK}&xt=urn:btih:{HEX.upper()}").infohash == HASH


def test_the_link_is_written_readably():
    magnet = Magnet(HASH, "a film.mkv", 5, (("127.0.0.1", 6881), ("::1", 80)))
    assert str(magnet) == LINK + "&dn=a%20film.mkv&xl=5&x.pe=127.0.0.1:6881&x.pe=[::1]:80"
    assert str(Magnet(HASH)) == LINK
    assert str(Magnet(HASH, select=((0, 0), (4, 6)))) == LINK + "&so=0,4-6"
    assert str(Magnet(HASH, length=0)) == LINK + "&xl=0"
    assert parse(str(magnet)) == magnet


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "begins with magnet"),
        ("http://example/x", "begins with magnet"),
        ("magnet:?dn=x", "expected one infohash .*, found 0"),
        (f"magnet:?xt=urn:btmh:1220{'a' * 64}", "BitTorrent v2 is not supported"),
        (f"{LINK}&xt=urn:btih:{'0' * 40}", "expected one infohash .*, found 2"),
        (LINK[:-1], "expected 40 hex or 32 base32 digits"),
        (LINK + "0", "expected 40 hex or 32 base32 digits"),
        (f"magnet:?xt=urn:btih:{'g' * 40}", "expected 40 hex or 32 base32 digits"),
        (f"magnet:?xt=urn:btih:{' 1' * 20}", "expected 40 hex or 32 base32 digits"),
        (f"magnet:?xt=urn:btih:{'1' * 32}", "expected 40 hex or 32 base32 digits"),
        (LINK + "&xl=-1", "xl: expected a number of bytes"),
        (LINK + "&xl=1e3", "xl: expected a number of bytes"),
        (LINK + "&xl=٣", "xl: expected a number of bytes"),
        (LINK + "&xl=9223372036854775808", "expected 0 to 9223372036854775807 bytes"),
        (LINK + "&so=x", "so: expected file numbers like 0,2,4-6, found 'x'"),
        (LINK + "&so=0,,1", "so: expected file numbers"),
        (LINK + "&so=-1", "so: expected file numbers"),
        (LINK + "&so=1-", "so: expected file numbers"),
        (LINK + "&so=1-2-3", "so: expected file numbers"),
        (LINK + "&so=٣", "so: expected file numbers"),
        (LINK + "&so=" + "1" * 10, "so: expected file numbers"),
        (LINK + "&so=2-1", "so: expected files 0 to 10000, found 2-1"),
        (LINK + "&so=0-10001", "so: expected files 0 to 10000, found 0-10001"),
        (LINK + "&so=0-10000,5", "so: expected at most 10001 files"),
        (LINK + "&x.pe=1.2.3.4", "expected host:port"),
        (LINK + "&x.pe=1.2.3.4:", "expected host:port"),
        (LINK + "&x.pe=:80", "expected host:port"),
        (LINK + "&x.pe=::1:80", "expected host:port"),
        (LINK + "&x.pe=[::1]", "expected host:port"),
        (LINK + "&x.pe=[::g]:80", "expected host:port"),
        (LINK + "&x.pe=[1::2::3]:80", "expected a host name or address"),
        (LINK + "&x.pe=a/b:80", "expected a host name or address"),
        (LINK + "&x.pe=" + "a" * 254 + ":80", "expected a host name or address"),
        (LINK + "&x.pe=1.2.3.4:0", "port from 1 to 65535, found 0"),
        (LINK + "&x.pe=1.2.3.4:65536", "port from 1 to 65535, found 65536"),
        (LINK + "&x.pe=a:1" * 201, "201 peers: expected at most 200"),
        (LINK + "&dn=" + "x" * 8192, "expected at most 8192"),
        (LINK + "&dn=\ud800", "UTF-8"),
    ],
)
def test_links_refused(text, problem):
    with pytest.raises(MagnetError, match=problem):
        parse(text)


def test_most_peers_and_longest_text():
    assert len(parse(LINK + "&x.pe=a:1" * 200).peers) == 200
    assert parse(LINK + "&dn=" + "x" * (8192 - len(LINK) - 4)).infohash == HASH


def test_hash_of_the_wrong_length_is_refused():
    with pytest.raises(MagnetError, match="infohash of 19 bytes: expected 20"):
        Magnet(bytes(19))


# ---- torrents that change

KEY_HEX = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
KEY = bytes.fromhex(KEY_HEX)
UPDATES = f"magnet:?xs=urn:btpk:{KEY_HEX}"


def test_the_links_of_bep_46():
    assert parse_update(UPDATES) == UpdateMagnet(KEY)
    assert parse_update(UPDATES + "&s=6e") == UpdateMagnet(KEY, b"n")
    assert str(UpdateMagnet(KEY)) == UPDATES
    assert str(UpdateMagnet(KEY, b"n")) == UPDATES + "&s=6e"
    named = UpdateMagnet(KEY, b"n", (("127.0.0.1", 6881), ("::1", 1)))
    assert str(named) == UPDATES + "&s=6e&x.pe=127.0.0.1:6881&x.pe=[::1]:1"
    assert parse_update(str(named)) == named
    with pytest.raises(MagnetError, match=r"^x\.pe: expected a port from 1 to 65535, found 0$"):
        parse_update(UPDATES + "&x.pe=a:0")


def test_a_publishers_link_in_upper_case_with_what_is_not_understood():
    text = f" MAGNET:?xs=URN:BTPK:{KEY_HEX.upper()}&s=&dn=x&xs=http%3A%2F%2Fe&tr=http%3A%2F%2Ft\n"
    assert parse_update(text) == UpdateMagnet(KEY)


def test_a_link_that_names_a_torrent_is_a_link_to_that_torrent():
    both = f"{LINK}&xs=urn:btpk:{KEY_HEX}"
    assert parse_any(both) == parse(both) == Magnet(HASH)
    assert parse_any(UPDATES) == UpdateMagnet(KEY)


def test_a_link_of_the_other_kind_is_refused():
    with pytest.raises(MagnetError, match="expected the link of one torrent"):
        parse(UPDATES)
    with pytest.raises(MagnetError, match="expected the link of a publisher"):
        parse_update(LINK)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (UPDATES[:-2], "public key of 31 bytes: expected 32"),
        (UPDATES + "00", "public key of 33 bytes: expected 32"),
        (UPDATES[:-1], "xs: expected pairs of hex digits"),
        (UPDATES[:-1] + "g", "xs: expected pairs of hex digits"),
        (UPDATES + "&s=n", "s: expected pairs of hex digits, found 'n'"),
        (UPDATES + "&s=" + "00" * 65, "salt of 65 bytes: expected at most 64"),
        (f"{UPDATES}&xs=urn:btpk:{'0' * 64}", "expected one public key .*, found 2"),
        ("magnet:?xs=http%3A%2F%2Fe", "expected one infohash .*, found 0"),
    ],
)
def test_publishers_links_refused(text, problem):
    with pytest.raises(MagnetError, match=problem):
        parse_any(text)
