"""What leaves for an assistant: addresses and texts about people withheld, all other text of others marked as data.

A name, a note or a campaign title may be written by a stranger, and a model can't tell an instruction in it from
one of its user. So each text that is not one of our own words stands between ⟦ and ⟧, which no text holds inside, on
one line, without control characters, links and addresses, and not longer than `LONGEST` ("spotlighting", Hines et al.
2024, https://arxiv.org/abs/2403.14720).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, get_args

from sqlglot import exp

from connectors.records import Consent
from connectors.secret import hide
from segmenter.assign.definitions import Source
from segmenter.lift.effects import EVERYONE
from segmenter.lift.randomization import HOLDOUT
from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED
from segmenter.privacy.purposes import PURPOSES, AnswerKind, LegalBasis
from sync.workspace.settings import Workspace

BEGIN, END = "⟦", "⟧"
NO_ADDRESS, NO_TEXT, NO_LINK, NO_CODE = "[address withheld]", "[text withheld]", "[link withheld]", "[withheld]"
LONGEST = 500
LOOKED_AT = 4 * LONGEST
"""What stands behind it is not told anyway."""
LONGEST_WORD = 40
"""A text in quotation marks within a rule is one of our own words up to this length."""

ADDRESSES = frozenset({"email", "contact", "platform_id", "id", "samples", "every_email"})
"""Names of values that are addresses or ids of contacts; Mailchimp's ids are digests of addresses."""
FOREIGN = frozenset({"name", "subject", "title", "about", "label", "quote", "story"})
"""Names of values that are titles: others wrote them, even if they are one word."""
OF_PEOPLE = frozenset({"before", "after", "example", "creepy_samples", "by", "host", "set_by"})
"""Names of values that say something about a person in any document."""
APPROVAL = frozenset({"code", "path"})
"""What approves a plan, or leads to it, is never told."""
AS_IT_IS = frozenset({"toml"})
"""What an assistant asked for itself."""

_PERSON = re.compile(r"p-[0-9a-f]{16}-[0-9a-f]{8}")
_PLAN = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,40}")
_WORDS = re.compile(r"[A-Za-z0-9_.+-]{1,40}: [A-Za-z0-9_.+-]{1,40}")
_AT = r"(?:@|%40|&#0*64;|&#x0*40;|&commat;)"
_ADDRESS = re.compile(rf"[^\s@<>()\[\]{{}}\",;:|=⟦⟧]+{_AT}[^\s@<>()\[\]{{}}\",;:|=⟦⟧]+", re.IGNORECASE)
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}:)?//\S+|\b(?:www\.|data:|javascript:|vbscript:|mailto:)\S+"
    r"|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,9}\.[a-z]{2,24}/\S*",
    re.IGNORECASE,
)
_BLANKS = "\t\r\n\v\f\x85\u2028\u2029"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Withholding:
    """What an assistant may be told.

    Args:
        words: Our own words: names of segments, personas, traits, and the like.
        addresses: Whether addresses are told.
        texts: Whether texts about a person are told.
    """

    words: frozenset[str]
    addresses: bool
    texts: bool

    def document(self, document: Any, *, about_people: bool = False) -> Any:
        """Return a document as it may be told: the same form and figures, with texts withheld or marked.

        Args:
            document: As a command prints it as JSON.
            about_people: Whether it is about single people: each text that is not a word of ours is withheld then.
        """
        plain = json.loads(json.dumps(document, default=str, ensure_ascii=False))
        return self._told(plain, "", about_people=about_people)

    def _told(self, value: Any, name: str, *, about_people: bool) -> Any:
        if isinstance(value, dict):
            about = about_people or name in OF_PEOPLE
            return {self._key(key): self._told(part, key, about_people=about) for key, part in value.items()}
        if isinstance(value, list):
            return [self._told(part, name, about_people=about_people) for part in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return self._text(value, name, about_people=about_people) if isinstance(value, str) else value

    def _key(self, key: str) -> str:
        plain = self.cleaned(key)
        return plain if self._ours(plain, strictly=False) else f"{BEGIN}{plain}{END}"

    def _text(self, text: str, name: str, *, about_people: bool) -> str:
        if name in APPROVAL or _PLAN.fullmatch(text):
            return NO_CODE
        if name in AS_IT_IS:
            return text
        if name in ADDRESSES and not self.addresses and not _PERSON.fullmatch(text):
            return NO_ADDRESS
        of_people = about_people or name in OF_PEOPLE
        plain = self.cleaned(text)
        if plain == text and self._ours(text, strictly=of_people or name in FOREIGN):
            return text
        if of_people and not self.texts and name not in ADDRESSES:
            return NO_TEXT
        return f"{BEGIN}{plain}{END}"

    def _ours(self, text: str, *, strictly: bool) -> bool:
        """Whether a text is no prose of others: a moment, a word of ours; where not *strictly*, a single word."""
        forms = (_PERSON, _TIME, _DIGEST) if strictly else (_PERSON, _TIME, _WORD, _WORDS)
        return not text or text in self.words or any(form.fullmatch(text) for form in forms)

    def marked(self, text: str) -> str:
        """Return a sentence, which may repeat a text of others, as marked data."""
        return f"{BEGIN}{self.cleaned(text)}{END}"

    def cleaned(self, text: str) -> str:
        """Return a text on one line, without what is not seen, without addresses, links, plan ids and secrets."""
        seen = unicodedata.normalize("NFKC", hide(text)[:LOOKED_AT]).translate(_BRACKETS)
        seen = "".join(" " if c in _BLANKS else c for c in seen if c in _BLANKS or _is_seen(c))
        seen = _PLAN.sub(NO_CODE, seen)
        if not self.addresses:
            seen = _ADDRESS.sub(NO_ADDRESS, seen)
        seen = _LINK.sub(NO_LINK, seen)
        return seen if len(seen) <= LONGEST else seen[: LONGEST - 1] + "…"


_BRACKETS = str.maketrans({BEGIN: "[", END: "]"})


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN


def withholding_of(workspace: Workspace) -> Withholding:
    """Return what the workspace's [assistant] allows."""
    allowed = workspace.assistant
    return Withholding(_words(workspace), allowed.addresses, allowed.texts)


def _words(workspace: Workspace) -> frozenset[str]:
    """What we and the definitions say ourselves: names, rules and their parts, texts in quotation marks in rules."""
    steps, experiments = workspace.steps, workspace.experiments
    words: set[str] = {EVERYONE, HOLDOUT, UNCLASSIFIED, NO_PERSONA, "active", "status"}
    words |= {*get_args(Consent), *get_args(Source), *get_args(LegalBasis), *get_args(AnswerKind), *PURPOSES}
    words |= {*workspace.connections, *workspace.personas, *workspace.catalogue.traits, *workspace.tools}
    words |= {*workspace.catalogue.mapped, *workspace.catalogue.surveyed, *workspace.fields, *workspace.groups}
    words |= {name for each in experiments.values() for name in (each.name, *each.arms)}
    for step in steps.steps:
        quoted = {literal.this for literal in step.rule.tree.find_all(exp.Literal) if literal.is_string}
        words |= {step.segment.rule, *(word for word in quoted if len(word) <= LONGEST_WORD)}
    words |= {text for clauses in steps.clauses.values() for text, _ in clauses}
    return frozenset(word for word in words if not _LINK.search(word) and not _ADDRESS.search(word))
