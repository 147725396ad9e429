"""Forms with a file: whatever bytes it has arrive as they were sent, and rubbish is no form."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from urllib3.filepost import encode_multipart_formdata

from sync.console import forms
from sync.console.forms import SentForm, Upload

BOUNDARY = "----mark7f3a"


def form_in_parts(kind: str, body: bytes) -> SentForm | None:
    return asyncio.run(forms.form_in_parts(Headers({"content-type": kind}), body))


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)


@given(fields=st.lists(st.tuples(names, texts), max_size=5), name=names, content=st.binary(min_size=1, max_size=400))
def test_what_another_library_sends_is_read_as_it_was(fields: list[tuple[str, str]], name: str, content: bytes) -> None:
    quoted = [(key.replace('"', "'").replace("\\", "/"), value) for key, value in fields]
    called = name.replace('"', "'").replace("\\", "/")
    body, kind = encode_multipart_formdata([*quoted, ("answers", (called, content))], boundary=BOUNDARY)

    assert form_in_parts(kind, body) == SentForm(tuple(quoted), Upload(called, content))


@given(content=st.binary(max_size=300))
def test_a_file_of_line_ends_and_dashes_keeps_them(content: bytes) -> None:
    for nasty in (b"\r\n--", b"--\r\n", b"\r\n\r\n", b"\r\n--" + BOUNDARY[:-1].encode(), content):
        body, kind = encode_multipart_formdata([("answers", ("a.csv", nasty + b"x"))], boundary=BOUNDARY)
        assert form_in_parts(kind, body) == SentForm((), Upload("a.csv", nasty + b"x"))


@given(body=st.binary(max_size=300), kind=st.text(st.characters(codec="latin-1"), max_size=40))
def test_rubbish_is_no_form(body: bytes, kind: str) -> None:
    for named in (kind, "multipart/form-data", f"multipart/form-data; boundary={BOUNDARY}"):
        with suppress(UnicodeDecodeError):  # which `read_form` takes for no form
            sent = form_in_parts(named, body)
            assert sent is None or sent == SentForm((), None)


def test_a_form_whose_file_was_not_chosen_has_none() -> None:
    body, kind = encode_multipart_formdata([("token", "t"), ("answers", ("", b""))], boundary=BOUNDARY)

    assert form_in_parts(kind, body) == SentForm((("token", "t"),), None)


def test_two_files_a_cut_off_end_and_a_boundary_of_another_form_are_refused() -> None:
    two, kind = encode_multipart_formdata([("a", ("a.csv", b"1")), ("b", ("b.csv", b"2"))], boundary=BOUNDARY)
    one, _ = encode_multipart_formdata([("a", ("a.csv", b"1"))], boundary=BOUNDARY)

    assert form_in_parts(kind, two) is None
    assert form_in_parts(kind, one[:-6]) is None
    assert form_in_parts("multipart/form-data; boundary=other", one) is None


def test_names_are_read_as_browsers_spell_them() -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"; filename="q%221%22 50%25.csv"\r\n'
    body = f"{head}Content-Type: text/csv\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()

    assert form_in_parts(f"multipart/form-data; boundary={BOUNDARY}", body) == SentForm(
        (), Upload('q"1" 50%25.csv', b"x")
    )
