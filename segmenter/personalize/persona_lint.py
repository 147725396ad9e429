"""The lint of persona texts: sensitive words in names, stories and copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segmenter.personalize.fields import TemplateField
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import SensitiveWord, find_sensitive


@dataclass(frozen=True, slots=True)
class Remark:
    """A sensitive word in what a persona says.

    Attributes:
        persona: The persona's slug; "" for the fallback of a field.
        part: ``name``, ``story``, ``quote`` or ``fields.NAME``; ``fields.NAME.fallback``.
    """

    persona: str
    part: str
    word: SensitiveWord

    def sentence(self) -> str:
        """Return it in words."""
        whose = f"persona {self.persona!r}, {self.part}" if self.persona else self.part
        return f"{whose}: {self.word.word!r} is about {self.word.family}; don't use it in emails or the CRM"


def lint(personas: Mapping[str, Persona], fields: Mapping[str, TemplateField]) -> list[Remark]:
    """Return the sensitive words in names, stories and copy.

    Args:
        personas: By slug.
        fields: By name; their fallbacks are read too.

    Returns:
        One remark per text and word; empty: nothing sensitive is said.
    """
    remarks = []
    for slug, persona in personas.items():
        texts = persona.invention().items()
        remarks += [
            Remark(slug, part, sensitive_word)
            for part, text in texts
            if part != "picture"
            for sensitive_word in find_sensitive(text)
        ]
    for name, field in fields.items():
        remarks += [
            Remark("", f"fields.{name}.fallback", sensitive_word) for sensitive_word in find_sensitive(field.fallback)
        ]
    return remarks
