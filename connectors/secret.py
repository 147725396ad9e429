"""Secret values that never print, and redaction of known secrets from text.

A secret is kept in a `Secret`, which prints, formats, logs and pickles as ``***``. Only `Secret.reveal` gives the
value, and only what sends it calls that. Texts that others made (an error of a library, what a platform answered) may
still repeat a secret; `hide` takes out every secret that this process has resolved, however it is encoded there.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import threading
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 4  # characters; a shorter secret stands in half of all texts by chance
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+(?!\*\*\*)[\w.=+/-]+")
_SCHEME = re.compile(r"^[\w.+-]+:(//)?")
_TELLING = re.compile(r"(?i)pass|pwd|token|secret|key|credential|auth|sig")  # names of query values that are secrets


class Secret:
    """A text that is never shown.

    Args:
        value: The text itself.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, to send it or to check a signature with it; never to print, store or log it."""
        return self._value

    def __bool__(self) -> bool:
        """Whether there is a secret at all."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare without telling by the time taken where two secrets differ."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        """Return the hash of the value; Python salts it anew in each process."""
        return hash(self._value)

    def __str__(self) -> str:
        """Return what may be printed."""
        return HIDDEN

    def __repr__(self) -> str:
        """Return what may be printed."""
        return str(self)

    def __format__(self, spec: str) -> str:
        """Return what may be printed."""
        return format(str(self), spec)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle as the text that may be printed: a pickle is a file like any other."""
        return str, (str(self),)

    def __copy__(self) -> Secret:
        """Return itself: a secret does not change."""
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        """Return itself: a secret does not change."""
        del memo
        return self


class SecretUrl(Secret):
    """An address that may hold a password; it renders without user, password and the values of its query."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the address as it may be printed."""
        return url_without_secrets(self._value)


def url_without_secrets(url: str) -> str:
    """Return *url* with its user and password, and the values of its query, as ``***``; it need not be a valid one.

    Returns:
        The address to print; with an @ in its query, only its scheme stays.
    """
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    address, question, query = url[start:].partition("?")
    if "@" in query:  # a password with a question mark, or a query with an @: nobody can tell
        return url[:start] + HIDDEN
    if not address.startswith("/"):  # what stands behind three slashes is the path of a file
        # a password may hold @, / and : that nobody encoded: everything up to the last @ is taken for it
        _, at, host = address.rpartition("@")
        address = f"{HIDDEN}@{host}" if at else address
    shown = "&".join(f"{part.partition('=')[0]}={HIDDEN}" for part in query.split("&"))
    return url[:start] + address + (f"?{shown}" if question else "")


def userinfo_of(url: str) -> str:
    """Return what stands before the last @ of an address with a host, "" where there is nothing.

    Returns:
        User, or user:password, as written: nothing is decoded.
    """
    scheme = _SCHEME.match(url)
    return url[scheme.end() :].rpartition("@")[0] if scheme and scheme.group(1) else ""


def bearer(token: Secret) -> Secret:
    """Return the value of the header ``Authorization`` for a token, which `hide` knows from now on.

    Returns:
        ``Bearer`` and the token, masked when printed.
    """
    remember(token)
    return Secret(f"Bearer {token.reveal()}")


def basic(user: str, password: Secret) -> Secret:
    """Return the value of the header ``Authorization`` for a user and a password, which `hide` knows from now on.

    Args:
        user: Printed as it is.
        password: Never printed.

    Returns:
        ``Basic`` and the base64 of both (RFC 7617), masked when printed.
    """
    remember(password)
    return Secret("Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode())


# -- the texts of others ------------------------------------------------------------------------------------
_lock = threading.Lock()
_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def remember(secret: Secret) -> None:
    """Let `hide` take *secret* out of every text from now on; of an address, its password and its query's secrets."""
    global _pattern  # noqa: PLW0603 - one memory for the process: whoever prints an error knows no secret of it
    values = _secrets_of_url(secret.reveal()) if isinstance(secret, SecretUrl) else [secret.reveal()]
    forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
    with _lock:
        if forms <= _known:
            return
        _known.update(forms)
        longest_first = sorted(_known, key=lambda form: (-len(form), form))
        _pattern = re.compile("|".join(re.escape(form) for form in longest_first))


def hide(text: str) -> str:
    """Return *text* with every known secret, encoded or not, and every HTTP credential as ``***``.

    Returns:
        The text to print or store. Secrets of less than `SHORTEST` characters stay: they stand in any text by chance.
    """
    shown = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
    return _pattern.sub(HIDDEN, shown) if _pattern else shown


def _secrets_of_url(url: str) -> list[str]:
    """The parts of an address that nobody may read: the password, as written and decoded, and secrets of the query."""
    secrets = []
    for address in (url, url.partition("?")[0]):  # a password may hold a question mark that nobody encoded
        password = userinfo_of(address).partition(":")[2]
        # a driver that ends the password at the first of these quotes the rest as host or name
        secrets += [password, unquote(password), *re.split(r"[@:/?#]", password)]
    for part in url.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if _TELLING.search(name):
            secrets += [value, unquote(value)]
    return secrets


def _forms(value: str) -> set[str]:
    """How a secret may be written: as it is, escaped by Python or JSON, in a URL, or within something in base64."""
    plain = {value, *(line.strip() for line in value.splitlines())}
    escaped = {form for secret in plain for form in (repr(secret)[1:-1], json.dumps(secret)[1:-1])}
    in_url = {quote(secret, safe=safe, errors="replace") for secret in plain for safe in ("", "/")}
    in_url |= {quote_plus(secret, errors="replace") for secret in plain}
    return plain | escaped | in_url | {form for secret in plain for form in _in_base64(secret)}


def _in_base64(value: str) -> set[str]:
    """What is the same in base64 whatever stands around *value*: for each of the three places at which it may begin."""
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + _bytes(value)).rstrip(b"=").decode()
        whole = (before + len(_bytes(value))) * 8 // 6  # characters that no byte behind it takes part in
        middle = encoded[-(-before * 8 // 6) : whole]
        if len(middle) >= 2 * SHORTEST:
            forms |= {middle, middle.replace("+", "-").replace("/", "_")}
    return forms


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
