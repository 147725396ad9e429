"""Webhook signatures: what was published passes, nothing else does, and nothing a stranger sends ends otherwise."""

import base64
import hashlib
import hmac
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import SignatureError
from connectors.events import Delivery
from connectors.hubspot.signatures import ACTION_VERSIONS, DECODED, check_hubspot
from connectors.mailchimp.events import check_mailchimp
from connectors.secret import Secret
from connectors.signatures import check_secret_path, public_uri

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URI = "https://www.example.com/webhook_uri"
MAILCHIMP_BODY = (  # PLATFORMS.md 4.12; the address is a placeholder of Mailchimp's documentation
    b"type=subscribe&fired_at=2026-01-01+00%3A00%3A00&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054"
    b"&data%5Bemail%5D=api%40mailchimp.com"
)
CREATION = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
    b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)


@dataclass(frozen=True)
class Message:
    """A request as it arrives, and the secret and the time with which it is checked."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    secret: str
    now: datetime
    method: str = "POST"
    uri: str = URI

    def check(self) -> None:
        if any(name == b"x-mailchimp-signature" for name, _ in self.headers):
            check_mailchimp(Delivery(self.method, self.uri, self.headers, self.body, self.now, Secret(self.secret)))
        else:
            check_hubspot(
                self.headers, method=self.method, uri=self.uri, body=self.body, secret=self.secret, now=self.now
            )

    def passes(self) -> bool:
        try:
            self.check()
        except SignatureError:
            return False
        return True


def at(milliseconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)


def by_hash(version: str, signature: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"x-hubspot-signature", signature.encode()), (b"x-hubspot-signature-version", version.encode()))


def by_hmac(signature: str | bytes, stamp: str) -> tuple[tuple[bytes, bytes], ...]:
    text = signature.encode() if isinstance(signature, str) else signature
    return ((b"x-hubspot-signature-v3", text), (b"x-hubspot-request-timestamp", stamp.encode()))


def of_vector(vector: dict[str, Any]) -> Message:
    stamp = vector.get("timestamp")
    signature = vector["signature"]
    return Message(
        headers=by_hmac(signature, stamp) if stamp else by_hash(vector["version"], signature),
        body=vector["body"].encode(),
        secret=vector["client_secret"],
        now=at(stamp or 0),
        method=vector.get("method", "POST"),
        uri=vector.get("uri", URI),
    )


def signed_v3(*, uri: str = URI, body: bytes = CREATION, stamp: str = "1700000000000", method: str = "POST") -> Message:
    text = method.encode() + uri.encode() + body + stamp.encode()
    value = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())
    return Message(headers=by_hmac(value, stamp), body=body, secret=SECRET, now=at(stamp), method=method, uri=uri)


def signed_by_mailchimp(signature: str, stamp: str, body: bytes, secret: str) -> Message:
    header = (b"x-mailchimp-signature", f"t={stamp},v1={signature}".encode())
    return Message(headers=(header,), body=body, secret=secret, now=at(int(stamp) * 1000))


STAMP = "1700000000000"
# hubspot-api-nodejs, test/unit/signature.spec.ts
OF_NODE = Message(by_hmac("/pXDSgWeGksQpwCsgqd43P0eY6gBIse9UX0tfkudUrE=", STAMP), CREATION, SECRET, at(STAMP))
OF_MAILCHIMP = signed_by_mailchimp(
    "46cc5bfbbe35fbbf107ce4445fcaf5f8deae10d4e78147e6be238f2802d7bf3f", "1718000000", MAILCHIMP_BODY, "whsec_test"
)


@pytest.fixture(scope="module")
def published(shared: Path) -> list[Message]:
    """Every vector that the platforms, their SDKs or their documentation give."""
    vectors = json.loads((shared / "recorded" / "signature_vectors.json").read_text("utf-8"))
    mailchimp = [
        signed_by_mailchimp(vector["v1"], vector["t"], vector["raw_body"].encode(), vector["signing_secret"])
        for vector in vectors["mailchimp"]
    ]
    return [*map(of_vector, vectors["hubspot"]), OF_NODE, *mailchimp, OF_MAILCHIMP]


def test_every_published_vector_passes(published: list[Message]) -> None:
    assert len(published) == 9
    assert [message for message in published if not message.passes()] == []


def signed() -> list[Message]:
    """Messages with each kind of signature: of the official SDK, and two that were published."""
    hashed = [
        Message(
            by_hash(version, Signature.get_signature(SECRET, body, version, URI, method)),
            body.encode(), SECRET, at(0), method,
        )
        for version, method, body in (("v1", "POST", CREATION.decode()), ("v2", "PUT", "{}"), ("v2", "GET", ""))
    ]  # fmt: skip
    third = Signature.get_signature(SECRET, "{}", "v3", URI, "PUT", STAMP)
    return [*hashed, Message(by_hmac(third, STAMP), b"{}", SECRET, at(STAMP), "PUT"), OF_NODE, OF_MAILCHIMP]


def test_every_kind_of_signature_passes() -> None:
    assert [message for message in signed() if not message.passes()] == []


def mutated(dice: random.Random, text: bytes) -> bytes:
    """Change *text* somewhere, somehow."""
    place = dice.randrange(len(text) + 1)
    before, after = text[:place], text[place:]
    ways: list[Callable[[], bytes]] = [
        lambda: before + bytes([dice.randrange(256)]) + after,
        lambda: before + after[1:],
        lambda: before + bytes([after[0] ^ 1 << dice.randrange(8)]) + after[1:] if after else text + b"=",
        lambda: before + after[:1].swapcase() + after[1:],
        lambda: after + before,
        lambda: before,
        lambda: text + dice.choice([b" ", b"\n", b"=", b"\0", b",", b"0"]),
        lambda: dice.choice([b" ", b"+", b"0", b"-", b"\t"]) + text,
        lambda: before + after[1:2] + after[:1] + after[2:],
        lambda: dice.randbytes(dice.randrange(80)),
    ]
    return dice.choice(ways)()


def mutation_of(dice: random.Random, message: Message) -> Message:
    """Change one of the things that *message*'s signature vouches for, or the signature."""
    names = [name for name, _ in message.headers]
    bound = ["body", "secret", *(["time"] if len(names) == 1 or b"x-hubspot-signature-v3" in names else [])]
    bound += ["method", "uri"] if dict(message.headers).get(b"x-hubspot-signature-version") == b"v2" else []
    bound += ["method", "uri"] if b"x-hubspot-signature-v3" in names else []
    what = dice.choice([*bound, "header", "header"])
    if what == "header":
        number = dice.randrange(len(names))
        headers = list(message.headers)
        headers[number] = (names[number], mutated(dice, headers[number][1]))
        return replace(message, headers=tuple(headers))
    if what == "body":
        return replace(message, body=mutated(dice, message.body))
    if what == "time":
        away = timedelta(seconds=dice.uniform(300.01, 10**8)) * dice.choice([-1, 1])
        return replace(message, now=message.now + away)
    changed: Any = mutated(dice, str(getattr(message, what)).encode()).decode("latin-1")
    return replace(message, **{what: changed})


def means_the_same(message: Message, other: Message) -> bool:
    """Tell whether nothing was changed that a signature could show: v1 is what an unknown version means, and HMAC
    fills a short key up with zeros (RFC 2104)."""
    version = b"x-hubspot-signature-version"
    headers = [dict(message.headers) for message in (message, other)]
    for known in headers:
        if known.get(version, b"v2") != b"v2":
            known[version] = b"v1"
    bare = [
        replace(message, headers=(), secret=message.secret.strip().rstrip("\0").strip()) for message in (message, other)
    ]
    return headers[0] == headers[1] and bare[0] == bare[1]


def test_none_of_ten_thousand_mutations_passes() -> None:
    messages = signed()
    dice = random.Random(20261126)  # noqa: S311 - mutations, not secrets
    tried = 0
    passed = []
    while tried < 10_000:
        message = dice.choice(messages)
        mutation = mutation_of(dice, message)
        if not means_the_same(message, mutation):
            tried += 1
            passed += [mutation] if mutation.passes() else []

    assert passed == []


hostile = st.binary(max_size=120) | st.sampled_from(
    [b"", b"9" * 5000, b"-1", b"1e9", b"\xff\xfe", b"1_700", b"t=,v1=", b"t=1,v1=" + b"0" * 64, "١٢٣".encode(), b"===="]
)
NAMES = st.sampled_from(
    [
        b"x-hubspot-signature",
        b"x-hubspot-signature-v3",
        b"x-hubspot-signature-version",
        b"x-hubspot-request-timestamp",
        b"x-mailchimp-signature",
    ]
)


@given(
    headers=st.lists(st.tuples(NAMES, hostile), max_size=6),
    body=hostile,
    method=st.text(max_size=8),
    uri=st.text(max_size=60),
    secret=st.text(max_size=20),
    now=st.datetimes(timezones=st.just(UTC)),
)
def test_whatever_a_stranger_sends_is_refused_with_one_error(
    headers: list[tuple[bytes, bytes]], body: bytes, method: str, uri: str, secret: str, now: datetime
) -> None:
    with pytest.raises(SignatureError):
        check_hubspot(headers, method=method, uri=uri, body=body, secret=secret, now=now)
    with pytest.raises(SignatureError):
        check_mailchimp(Delivery(method, uri, headers, body, now, Secret(secret)))


@given(given_path=st.text(), secret=st.text())
def test_only_the_secret_itself_opens_a_secret_path(given_path: str, secret: str) -> None:
    if given_path == secret and secret:
        check_secret_path(given_path, secret=secret)
    else:
        with pytest.raises(SignatureError):
            check_secret_path(given_path, secret=secret)


@given(
    body=st.text(max_size=200),
    method=st.sampled_from(["POST", "GET"]),
    path=st.text(alphabet="abc/%20?=&", max_size=30),
    version=st.sampled_from(["v1", "v2"]),
)
def test_what_the_official_sdk_signs_passes(body: str, method: str, path: str, version: str) -> None:
    uri = f"https://hooks.test/{path}"
    signature = Signature.get_signature(SECRET, body, version, http_uri=uri, http_method=method)
    message = Message(by_hash(version, signature), body.encode(), SECRET, at(0), method, uri)

    assert message.passes()


@pytest.mark.parametrize("seconds", [-300, -299.9, 0, 299.9, 300])
def test_five_minutes_on_either_side_are_good(seconds: float) -> None:
    message = signed_v3()

    assert replace(message, now=message.now + timedelta(seconds=seconds)).passes()


@pytest.mark.parametrize("seconds", [-36_000, -300.01, 300.01, 36_000])
def test_more_than_five_minutes_on_either_side_are_refused(seconds: float) -> None:
    message = signed_v3()

    with pytest.raises(SignatureError) as caught:
        replace(message, now=message.now + timedelta(seconds=seconds)).check()

    assert caught.value.reason == "window"


@pytest.mark.parametrize(("code", "character"), sorted(DECODED.items()))
def test_hubspot_signs_these_characters_decoded_and_no_others(code: str, character: str) -> None:
    plain = signed_v3(uri=f"https://hooks.test/a{character}b%20c%C3%A9")

    assert replace(plain, uri=f"https://hooks.test/a%{code}b%20c%C3%A9").passes()
    assert not replace(plain, uri=f"https://hooks.test/a%{code}b c%C3%A9").passes()


def test_behind_a_proxy_the_public_address_is_what_was_signed() -> None:
    uri = public_uri("https://hooks.test/persona/", b"/webhooks/hubspot", b"b=2&a=1%20x")

    assert uri == "https://hooks.test/persona/webhooks/hubspot?b=2&a=1%20x"
    assert signed_v3(uri=uri).passes()
    assert not replace(signed_v3(uri=uri), uri="http://127.0.0.1:8080/webhooks/hubspot?b=2&a=1%20x").passes()


def test_a_wrong_v3_is_not_saved_by_a_right_v1() -> None:
    right = by_hash("v1", hashlib.sha256(SECRET.encode() + CREATION).hexdigest())
    message = replace(signed_v3(), headers=(*right, *by_hmac("bm8=", "1700000000000")))

    assert replace(message, headers=right).passes()
    assert not message.passes()


def test_a_workflow_action_must_be_signed_for_its_address() -> None:
    message = of_vector(
        {
            "version": "v1",
            "client_secret": SECRET,
            "body": "{}",
            "signature": hashlib.sha256(f"{SECRET}{{}}".encode()).hexdigest(),
        }
    )

    with pytest.raises(SignatureError, match="accepted HubSpot"):
        check_hubspot(
            message.headers,
            method="POST",
            uri=URI,
            body=b"{}",
            secret=SECRET,
            now=message.now,
            accepted=ACTION_VERSIONS,
        )


def test_a_header_that_came_twice_is_refused() -> None:
    message = signed_v3()

    assert not replace(message, headers=(*message.headers, message.headers[0])).passes()


def test_each_audience_may_have_a_secret_of_its_own() -> None:
    message = OF_MAILCHIMP

    assert replace(message, secret=f"whsec_other\n{message.secret}\n").passes()
    assert not replace(message, secret="whsec_other whsec_third").passes()
    assert not replace(message, secret=" \n").passes()


ROOTS = [n for n in range(2, 312) if all(n % d for d in range(2, n))]


def of_root(prime: int, power: float) -> int:
    """The first 32 bits of the fractional part of *prime* to the *power*, exactly."""
    degree = round(1 / power)
    low, high = 0, prime << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= prime << (32 * degree) else (low, middle)
    return low & 0xFFFFFFFF


def turned(word: int, by: int) -> int:
    return (word >> by | word << (32 - by)) & 0xFFFFFFFF


def went_on(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """SHA-256's compression of one block of 64 bytes (FIPS 180-4, 6.2.2), which hashlib does not give away."""
    words = list(struct.unpack(">16L", block))
    for t in range(16, 64):
        small0 = turned(words[t - 15], 7) ^ turned(words[t - 15], 18) ^ words[t - 15] >> 3
        small1 = turned(words[t - 2], 17) ^ turned(words[t - 2], 19) ^ words[t - 2] >> 10
        words.append((words[t - 16] + small0 + words[t - 7] + small1) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        big1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
        first = h + big1 + (e & f ^ ~e & g) + of_root(ROOTS[t], 1 / 3) + words[t]
        second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & 0xFFFFFFFF, a, b, c, (d + first) & 0xFFFFFFFF, e, f, g
    return tuple((old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))


def padding(length: int) -> bytes:
    return b"\x80" + b"\0" * ((55 - length) % 64) + struct.pack(">Q", length * 8)


def test_a_delivery_that_a_stranger_lengthened_is_refused() -> None:
    honest = hashlib.sha256(SECRET.encode() + CREATION).hexdigest()
    glue = padding(len(SECRET) + len(CREATION))
    more = b'[{"objectId":666}]'
    length = len(SECRET) + len(CREATION) + len(glue) + len(more)
    state = tuple(struct.unpack(">8L", bytes.fromhex(honest)))
    forged = struct.pack(">8L", *went_on(state, more + padding(length))).hex()
    body = CREATION + glue + more
    message = Message(by_hash("v1", forged), body, SECRET, at(0))

    assert forged == hashlib.sha256(SECRET.encode() + body).hexdigest()  # the attack works on the hash
    with pytest.raises(SignatureError) as caught:
        message.check()
    assert caught.value.reason == "malformed"
