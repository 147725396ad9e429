"""Pages from templates: everything that stems from data is escaped, and nothing is loaded or run.

The content security policy names the stylesheet by its digest. So no style of anybody else counts, not even one that an
escape would have missed: there is no ``style`` attribute and no script in any page.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, Template
from markupsafe import Markup

from connectors.visible import visible


@cache
def stylesheet() -> str:
    """Return the stylesheet that every page carries."""
    return resources.files("sync.design").joinpath("templates", "design.css").read_text("utf-8")


def policy(*sheets: str, frames: bool = False) -> str:
    """Return the content security policy of a page that carries these stylesheets.

    Args:
        sheets: As they stand between the tags of ``style``.
        frames: Whether the page shows emails in sandboxed frames. Those inherit the policy and have styles of their
            own, so then styles may stand anywhere.

    Returns:
        The value of the meta element: pictures from ``data:`` addresses, styles by digest, nothing else.
    """
    digests = [b64encode(hashlib.sha256(sheet.encode()).digest()).decode() for sheet in sheets]
    styles = "'unsafe-inline'" if frames else " ".join(f"'sha256-{digest}'" for digest in digests)
    pictures = "data: https: http:" if frames else "data:"
    return f"default-src 'none'; style-src {styles}; img-src {pictures}"


def render(package: str, template: str, **values: Any) -> str:
    """Return a page.

    Args:
        package: The package whose ``templates`` hold the template; those of the design system are found too.
        template: The file's name.
        values: What the template shows.

    Returns:
        HTML; marks that turn the order of letters are spelled out, but for documents that a template calls ``raw``.
    """
    return prepared(package, template).render(**values)


@cache
def prepared(package: str, template: str) -> Template:
    """Return a template of a package, read and compiled once in a process: for who renders many pages.

    Args:
        package: The package whose ``templates`` hold it.
        template: The file's name.

    Returns:
        The same object each time.
    """
    return _environment(package).get_template(template)


@cache
def _environment(package: str) -> Environment:
    # always: by a name which ends in .j2, Jinja would not know that the template is HTML
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("sync.design")])
    environment = Environment(loader=loader, autoescape=True, finalize=_shown, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": "{:,}".format, "moment": _moment}
    environment.globals |= {"css": stylesheet(), "policy": policy, "raw": _Raw}
    return environment


def _moment(at: datetime | None) -> str:
    return f"{at:%-d %b %Y, %H:%M}" if at else "never"


class _Raw(str):
    """A document of its own (an email), shown as its readers get it: escaped, but nothing in it is spelled out."""

    __slots__ = ()


def _shown(value: Any) -> Any:
    """Spell out what would turn the order of letters; what a template has already put together stays."""
    return value if isinstance(value, Markup | _Raw) or not isinstance(value, str) else visible(value)
