"""Errors of connectors. The class says how to recover, the message what happened.

::

    PersonasyncError
    ├── FixSettingsError          a person must change something before it can work
    │   ├── CredentialError       the token or key is missing, malformed or refused
    │   ├── MissingScopeError     the token works but may not do this
    │   └── NotFoundError         an audience, campaign or property that does not exist
    ├── TryLaterError             nothing is wrong with the request; the platform can't now
    │   ├── RateLimitError        a limit of the platform, with the wait it asks for
    │   └── PlatformDownError     no answer, or one that is no answer (5xx, HTML, cut, time-out)
    ├── RejectedError             the platform refused this request for good (4xx)
    ├── SignatureError            a webhook that is not, or no longer, theirs: answer 401 and forget it
    └── ContractError             the platform broke its own contract; going on could lose data
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from connectors.secret import hide


class PersonasyncError(Exception):
    """Base class of all errors: what happened, to what, and how to fix it. Never contains a secret.

    Attributes:
        what: What happened, without the fix: for where both have a place of their own.
        fix: The next step for a person, or "" where there is none.
    """

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(hide(f"{message} {fix}".strip()))
        self.what = hide(message)
        self.fix = hide(fix)


class FixSettingsError(PersonasyncError):
    """The settings, the account or a file must be fixed first."""

    exit_code = 2


class CredentialError(FixSettingsError):
    """The token or key is missing, malformed or refused (401)."""


class MissingScopeError(FixSettingsError):
    """The token works but may not do this (403 that names scopes).

    Attributes:
        scopes: What the platform asks for.
        all_needed: Whether each of them is needed; otherwise one of them is enough.
    """

    def __init__(self, message: str, *, scopes: tuple[str, ...], all_needed: bool = True, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.scopes, self.all_needed = scopes, all_needed


class NotFoundError(FixSettingsError):
    """Something in the settings does not exist on the platform (404)."""


class TryLaterError(PersonasyncError):
    """The request is fine, but the platform is temporarily unavailable."""


class RateLimitError(TryLaterError):
    """A rate limit of the platform was reached (429).

    Attributes:
        wait: Seconds until it makes sense to try again, None where the platform does not say.
        daily: True where only the next day helps.
    """

    def __init__(self, message: str, *, wait: float | None, daily: bool = False, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.wait = wait
        self.daily = daily


class PlatformDownError(TryLaterError):
    """No valid response: 5xx, HTML, an empty or truncated body, or a timeout.

    Attributes:
        answered: False where the request may have taken effect although no answer arrived.
    """

    def __init__(self, message: str, *, answered: bool, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.answered = answered


class RejectedError(PersonasyncError):
    """The platform rejected the request permanently (4xx).

    Attributes:
        status: HTTP status.
        code: The platform's own word, such as ``PROPERTY_DOESNT_EXIST`` or ``Member In Compliance State``.
        body: The decoded body, {} where it was no JSON object.
    """

    def __init__(self, message: str, *, status: int, code: str, body: dict[str, object], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.status = status
        self.code = code
        self.body = body


class ContractError(PersonasyncError):
    """The platform broke its API contract; continuing could lose or duplicate data."""


class SignatureError(PersonasyncError):
    """A webhook with an invalid or expired signature; answered with 401 and discarded.

    Attributes:
        reason: ``missing``, ``malformed``, ``window`` (too old or too new), ``wrong``, or ``secret`` (we know none);
            a word for metrics, of no use to whoever sent it.
    """

    def __init__(self, message: str, *, reason: Literal["missing", "malformed", "window", "wrong", "secret"]) -> None:
        super().__init__(message)
        self.reason = reason


def reason_of(error: Exception) -> str:
    """Return why a file can't be used, in words and without its path, which the sentence around it names.

    Args:
        error: What reading or writing the file raised.

    Returns:
        A clause without a full stop.
    """
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


EXTRAS = {
    "apprise": ("Alerts by Apprise need", "notify", "apprise"),
    "keyring": ("Secrets in the system's keyring need", "keyring", "keyring"),
    "mcp": ("Tools for assistants need", "mcp", "mcp"),
    "openpyxl": ("Excel files need", "excel", "openpyxl"),
    "psycopg": ("PostgreSQL needs", "postgres", "'psycopg[binary]'"),
    "pyreadstat": ("SPSS files need", "spss", "pyreadstat"),
    "python_calamine": ("Excel files need", "excel", "python-calamine"),
}
"""By module: what needs it, the extra that brings it, and the package as pip calls it."""


def missing_extra(error: BaseException) -> FixSettingsError | None:
    """Return what a person is told of a library that an extra brings; None of any other error.

    Args:
        error: What the import raised.

    Returns:
        The error to raise; its fix names the extra.
    """
    named = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    causes = [cause for cause in (error.__cause__, error.__context__) if isinstance(cause, ImportError)]
    module = named or next(((cause.name or "").partition(".")[0] for cause in causes), "")  # Ibis hides the name
    if module not in EXTRAS:
        return None
    what, extra, package = EXTRAS[module]
    return FixSettingsError(
        f"{what} the package {module}, which is not installed.",
        fix=f"Run `pip install 'personasync[{extra}]'`; if pipx installed it: `pipx inject personasync {package}`.",
    )


def not_writable(path: Path) -> FixSettingsError:
    """Return the error of a folder or file in which nothing can be written.

    Args:
        path: The folder or file.

    Returns:
        The error to raise; its fix is to give the permission or use another folder.
    """
    return FixSettingsError(
        f"{path.absolute()} can't be written to.",
        fix="Give yourself write permission there, or use a folder of your own.",
    )
