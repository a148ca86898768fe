"""central.link: what a link to a file says, and the one line for what is no link."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.errors import CentralError, LinkError
from central.link import Link, Scheme
from central.paths import MAX_NAME

DIGEST = "0123456789abcdef" * 4

paths = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1)
    .filter(lambda name: not name.startswith("."))
    .filter(lambda name: len(name.encode()) <= MAX_NAME),
    max_size=5,
).map("/".join)


def test_a_link_is_a_url_with_the_digest_in_its_fragment() -> None:
    link = Link("http", "127.0.0.1", 8080, "some/a file.bin", DIGEST)
    assert str(link) == f"http://127.0.0.1:8080/some/a%20file.bin#sha256={DIGEST}"
    assert link.target == "/some/a%20file.bin"
    assert link.authority == "127.0.0.1:8080"
    assert link.name == "a file.bin"


def test_a_link_may_do_without_a_digest_and_name_the_top() -> None:
    link = Link.parse("socket://teacher:9000/")
    assert link == Link("socket", "teacher", 9000, "")
    assert str(link) == "socket://teacher:9000/"
    assert link.name == ""
    assert Link.parse("socket://teacher:9000") == link


@settings(max_examples=50)
@given(st.sampled_from(get_args(Scheme)), paths, st.integers(0, 65535))
def test_what_is_written_is_read_back(scheme: Scheme, path: str, port: int) -> None:
    for digest in (DIGEST, None):
        link = Link(scheme, "127.1.2.3", port, path, digest)
        assert Link.parse(str(link)) == link


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("socket", 8081), ("tftp", 69)])
def test_each_scheme_has_its_port(scheme: Scheme, port: int) -> None:
    assert Link.parse(f"{scheme}://example/x") == Link(scheme, "example", port, "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected http://"),
        ("garbage", "expected http://"),
        ("magnet:?xt=urn:btih:00", "expected http://"),
        ("https://h/x", "expected http://"),
        ("http:///x", "expected http://"),
        ("http://user@h/x", "expected http://"),
        ("http://user:secret@h/x", "expected http://"),
        ("http://h:99999/x", "not a URL"),
        ("http://h:port/x", "not a URL"),
        ("http://[::1/x", "not a URL"),
        ("http://[::1]:80/x", "IPv6"),
        ("http://h/..", "names no file"),
        ("http://h/a/../b", "names no file"),
        ("http://h//b", "names no file"),
        ("http://h/a/", "names no file"),
        ("http://h/.hidden", "names no file"),
        ("http://h/a%2Fb", "names no file"),
        ("http://h/%2e%2e", "names no file"),
        ("http://h/a%5Cb", "names no file"),
        ("http://h/a%00b", "names no file"),
        ("http://h/a?b=c", "names no file"),
        ("http://h/%ff", "not UTF-8"),
        ("http://h/x#sha256=12", "64 digits"),
        (f"http://h/x#sha256={DIGEST}0", "64 digits"),
        (f"http://h/x#md5={DIGEST}", "64 digits"),
        (f"http://h/x#sha256={DIGEST.upper()}", "64 digits"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, expected: str) -> None:
    with pytest.raises(LinkError) as caught:
        Link.parse(text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, CentralError)


@settings(max_examples=50)
@given(st.text())
def test_any_text_is_a_link_or_a_link_error(text: str) -> None:
    for candidate in (text, f"http://{text}", f"http://h/{text}#sha256={DIGEST}"):
        try:
            Link.parse(candidate)
        except LinkError:
            pass
