"""central.link: what a link to a file says, and the one line for what is no link."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.errors import CentralError, LinkError
from central.link import Link

DIGEST = "0123456789abcdef" * 4

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), min_size=1
).filter(lambda name: name not in (".", ".."))


def test_a_link_is_a_url_with_the_digest_in_its_fragment() -> None:
    link = Link("127.0.0.1", 8080, "a file.bin", DIGEST)
    assert str(link) == f"http://127.0.0.1:8080/a%20file.bin#sha256={DIGEST}"
    assert link.target == "/a%20file.bin"
    assert link.authority == "127.0.0.1:8080"


@settings(max_examples=50)
@given(names, st.integers(1, 65535))
def test_what_is_written_is_read_back(name: str, port: int) -> None:
    link = Link("127.1.2.3", port, name, DIGEST)
    assert Link.parse(str(link)) == link


def test_the_port_is_80_when_none_is_named() -> None:
    assert Link.parse(f"http://example/x#sha256={DIGEST}") == Link("example", 80, "x", DIGEST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected http://"),
        ("garbage", "expected http://"),
        ("magnet:?xt=urn:btih:00", "expected http://"),
        (f"https://h/x#sha256={DIGEST}", "expected http://"),
        (f"http:///x#sha256={DIGEST}", "expected http://"),
        (f"http://h:99999/x#sha256={DIGEST}", "not a URL"),
        (f"http://h:port/x#sha256={DIGEST}", "not a URL"),
        (f"http://[::1/x#sha256={DIGEST}", "not a URL"),
        (f"http://h/#sha256={DIGEST}", "names no file"),
        (f"http://h#sha256={DIGEST}", "names no file"),
        (f"http://h/..#sha256={DIGEST}", "names no file"),
        (f"http://h/a/b#sha256={DIGEST}", "names no file"),
        (f"http://h/a%2Fb#sha256={DIGEST}", "names no file"),
        (f"http://h/a%5Cb#sha256={DIGEST}", "names no file"),
        (f"http://h/a%00b#sha256={DIGEST}", "names no file"),
        (f"http://h/a?b=c#sha256={DIGEST}", "names no file"),
        ("http://h/x", "no digest"),
        ("http://h/x#", "no digest"),
        ("http://h/x#sha256=12", "no digest"),
        (f"http://h/x#sha256={DIGEST}0", "no digest"),
        (f"http://h/x#md5={DIGEST}", "no digest"),
        (f"http://h/x#sha256={DIGEST.upper()}", "no digest"),
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
