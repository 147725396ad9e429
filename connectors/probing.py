"""Results of probes of a platform's assumptions, and answers without anything that they say of anybody.

What is kept of an answer: keys, types, lengths, status and names of headers. Every text becomes a hash with a salt that
is thrown away, so equal texts of one file can be seen to be equal, and nothing can be looked up.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from connectors.errors import (
    CredentialError,
    FixSettingsError,
    MissingScopeError,
    PersonasyncError,
    TryLaterError,
)
from connectors.evidence import load_evidence

ProbeState = Literal["held", "broken", "untestable"]
PLAIN_KEY = re.compile(r"[a-z][A-Za-z_]{0,39}[0-9]{0,2}$")  # neither a name nor an id
HEADER = re.compile(r"[A-Za-z][A-Za-z-]{1,60}$")
OF_THE_ACCOUNT = ("properties", "merge_fields", "additionalProperties")
"""Objects whose keys the account itself chose; of these only those are shown that the ledger knows."""
REFUSED = 400  # the first status of a refusal
DEEP, MANY = 8, 3
"""How deep an answer is described, and how many different entries of a list."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        saw: What was seen, or why nothing could be, in a sentence without a text of the account.
    """

    state: ProbeState
    saw: str = ""


def held_if(true: object, saw: str) -> ProbeResult:
    """Return that an assumption held, or that it is broken; *saw* says what was seen where it is.

    Args:
        true: Whether it held; any value, taken as Python takes it in a condition.
        saw: A sentence without a text of the account.

    Returns:
        Held, without a sentence; or broken, with *saw*.
    """
    return ProbeResult("held") if true else ProbeResult("broken", saw)


def untestable(why: str) -> ProbeResult:
    """Return that this account can't be asked.

    Args:
        why: A sentence for whoever reads the probe.

    Returns:
        A result that neither confirms nor refutes the assumption.
    """
    return ProbeResult("untestable", why)


WITHOUT_WRITING = untestable("Only by writing: add --write.")


@dataclass(frozen=True, slots=True)
class SeenAnswer:
    """One request with its answer, as the transport sent and got them.

    Attributes:
        endpoint: Without ids.
        public: Whether it was a file of results, which is described by its length only.
        url: Where it was asked, with its query; never written into a file.
        sent: The decoded body of the request; never written into a file.
        lane: Whose limit it counts against; "" is the usual one.
    """

    method: str
    endpoint: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    public: bool = False
    url: str = ""
    sent: Any = None
    lane: str = ""

    def header(self, name: str) -> str | None:
        """Return a header, however its name is spelled; None: there is none.

        Returns:
            The value as it came; the first one where the name comes in two spellings.
        """
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def place(self) -> str:
        """The address without its query."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> Mapping[str, str]:
        """The query, each name with its last value."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def body(self) -> Any:
        """The decoded answer, None where it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


Watch = Callable[[SeenAnswer], None]


@dataclass(frozen=True, slots=True)
class CheckTerms:
    """What answers are held against.

    Attributes:
        limits: Of plugin.toml.
        kinds: The platform's own types of fields, by name.
    """

    limits: Mapping[str, int]
    kinds: Mapping[str, str]


Check = Callable[[Sequence[SeenAnswer], CheckTerms], ProbeResult]
"""What answers say about an assumption, whoever asked for them: a probe just now, or somebody who recorded them."""


def good(answers: Sequence[SeenAnswer], *endpoints: str) -> list[SeenAnswer]:
    """Return the answers of *endpoints* that are no refusals.

    Returns:
        In the order in which they came; empty where nobody asked, or all were refused.
    """
    return [answer for answer in answers if answer.endpoint in endpoints and answer.status < REFUSED]


def run_probes(
    probes: Mapping[str, Callable[[], ProbeResult]], *, left_out: frozenset[str] = frozenset()
) -> Iterator[tuple[str, ProbeResult]]:
    """Run *probes* one after the other; one that gets no answer says nothing about its assumption.

    Args:
        probes: By number of the assumption.
        left_out: Those that would write.

    Yields:
        Number and result of each probe: "untestable" where a right is missing or the platform is away, "broken" where
            the answer has another form.

    Raises:
        CredentialError: The token or key is refused.
    """
    for number, probe in probes.items():
        if number in left_out:
            yield number, WITHOUT_WRITING
            continue
        try:
            yield number, probe()
        except CredentialError:
            raise
        except MissingScopeError as error:
            yield number, untestable(f"The token lacks {', '.join(error.scopes) or 'the right to it'}.")
        except TryLaterError:
            yield number, untestable("The platform is temporarily unavailable.")
        except FixSettingsError as error:
            yield number, untestable(error.what)
        except PersonasyncError as error:
            yield number, ProbeResult("broken", f"{type(error).__name__} instead of an answer.")
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            yield number, ProbeResult("broken", "The answer has another form than expected.")


@dataclass(slots=True)
class Redaction:
    """Describes answers; one for a file, so that equal texts in it are seen to be equal."""

    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    known: frozenset[str] = field(default_factory=lambda: _known_names())

    def answer(self, seen: SeenAnswer) -> dict[str, Any]:
        """Return what is kept of one answer.

        Returns:
            Plain values: method and endpoint, status, sorted names of headers, length in bytes, and the shape of the
                body; None in place of a body that is no JSON, or a file of results.
        """
        body = seen.body if not seen.public else None
        return {
            "request": f"{seen.method} {seen.endpoint}",
            "status": seen.status,
            "headers": sorted(self._key(name, own=False, plain=HEADER) for name in seen.headers),
            "length": len(seen.content),
            "body": self.shape(body) if body is not None else None,
        }

    def shape(self, value: Any, *, own: bool = False, depth: int = 0) -> Any:
        """Return *value* with types for values, and hashes for texts.

        Args:
            value: Decoded JSON.
            own: Whether the account chose the keys.
            depth: How deep it lies.

        Returns:
            Plain values: of a list its length and the first three shapes, of a text its length and hash, of others the
                name of the type; "..." for what lies too deep.
        """
        if depth > DEEP:
            return "..."
        if isinstance(value, dict):
            return {
                self._key(str(key), own=own): self.shape(inner, own=key in OF_THE_ACCOUNT, depth=depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            shapes = [self.shape(entry, depth=depth + 1) for entry in value[:MANY]]
            return {"list": len(value), "first": shapes}
        if isinstance(value, str):
            return f"text {len(value)} {self._hash(value)}"
        return "null" if value is None else type(value).__name__

    def _key(self, key: str, *, own: bool, plain: re.Pattern[str] = PLAIN_KEY) -> str:
        shown = key in self.known or (not own and plain.match(key) is not None)
        return key if shown else f"key {self._hash(key)}"

    def _hash(self, text: str) -> str:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self.salt, digest_size=6).hexdigest()


def _known_names() -> frozenset[str]:
    return frozenset(
        part.removesuffix("[]").removeprefix("?") for key in load_evidence().keys for part in key.key.split(".")
    )
