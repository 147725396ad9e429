"""Sensitive data: traits and words of special categories and about children, and the purpose they need.

The families are those of GDPR Art. 9(1), from which data that allow to infer them are not exempt (CJEU C-184/20), and
children. The lists are English and German, and can't be complete: `sensitive = true` on a trait adds to them, the
proxy audit (`segmenter.monitor.proxy_audit`) looks for what no list can know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from segmenter.errors import DefinitionError
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Trait

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "health": (
        "health", "healthcare", "medical*", "medication*", "medicine", "disease*", "illness*", "sick", "sickness",
        "diagnos*", "disabilit*", "handicap*", "wheelchair", "diabet*", "cancer", "hiv", "aids", "allerg*", "asthma*",
        "depress*", "anxiety", "therap*", "psychiatr*", "surgery", "hospital*", "patients", "bmi", "blood type",
        "blood pressure", "pregnan*", "vaccin*", "addict*", "genetic*", "dna", "biometric*",
        "gesundheit*", "krank*", "erkrank*", "medizin*", "medikament*", "behinder*", "schwerbehinder*", "rollstuhl*",
        "krebs*", "psychisch*", "psychotherap*", "suchtkrank*", "schwanger*", "impf*", "arztbesuch*", "patienten*",
        "blutdruck*", "blutgruppe*", "pflegegrad*", "pflegestufe*", "genetisch*", "biometrisch*",
    ),
    "religion": (
        "religio*", "faith", "church*", "mosque*", "synagog*", "christianity", "catholic*", "protestant*", "muslim*",
        "islam*", "jew", "jews", "jewish*", "judaism", "hindu*", "buddhis*", "atheis*", "orthodox church", "kosher",
        "halal", "ramadan", "konfession*", "kirche*", "katholi*", "evangelisch*", "muslimisch*", "judisch*", "juden*",
        "glaubig*", "glaubensgemeinschaft*", "moschee*", "weltanschauung*", "koscher*",
    ),
    "politics": (
        "politi*", "party affiliation", "party member*", "party preference", "democrat*", "republican*", "socialist*",
        "socialism", "communist*", "communism", "left wing", "right wing", "voter*", "voting", "vote intention",
        "election*", "partei*", "wahler*", "wahlverhalten", "wahlabsicht*", "sonntagsfrage", "rechtsextrem*",
        "linksextrem*",
    ),
    "trade union": (
        "union", "unions", "unionis*", "unioniz*", "trade union*", "labor union*", "labour union*", "works council*",
        "gewerkschaft*", "betriebsrat*", "betriebsrate*",
    ),
    "sex life": (
        "sexual*", "sex life", "sexlife", "sexleben*", "sexuell*", "homosex*", "heterosex*", "bisex*", "lgbt*",
        "queer*", "gay", "gays", "lesbian*", "lesbisch*", "lesbe*", "schwul*", "transgender*", "transsex*",
    ),
    "ethnicity": (
        "ethni*", "racial*", "race ethnicity", "race or ethnicity", "skin color", "skin colour", "ancestry", "caste",
        "immigrant*", "migration background", "migrant*", "refugee*", "hautfarbe*", "abstammung*", "ethnisch*",
        "migrationshintergrund*", "fluchtling*", "rassisch*",
    ),
    "children": (
        "child", "children", "childless*", "childcare", "kid", "kids", "baby", "babies", "toddler*", "minors",
        "underage*", "kinder*", "kinderlos*", "anzahl kinder", "kleinkind*", "schulkind*", "saugling*",
        "minderjahrig*", "nachwuchs",
    ),
}  # fmt: skip
"""By family: words as `words` spells them (lower case, without accents); ``*`` stands for any ending."""

ALONE = {"race": "ethnicity", "rasse": "ethnicity", "party": "politics"}
"""Innocent in a sentence ("race day"); as the whole name of a trait they mean this."""

INNOCENT = (
    "european union",
    "credit union",
    "western union",
    "union square",
    "union jack",
    "hospitality*",
    "health score*",
    "customer health",
    "account health",
    "list health",
)
"""Phrases that hold a word of the lists and mean something else."""

FIX = 'If there is a lawful purpose, add to personasync.toml: [sensitive] purpose = "...", allow = ["{name}"].'


@dataclass(frozen=True, slots=True)
class Purpose:
    """Declared purpose of sensitive traits, and the traits it allows.

    Attributes:
        text: The purpose; "" allows nothing.
        allow: The traits that it is for.
        innocent: Traits and items whose name holds a word of the lists and means something else: a person says so.
    """

    text: str = ""
    allow: tuple[str, ...] = ()
    innocent: frozenset[str] = frozenset()

    def allows(self, trait: str) -> bool:
        """Return whether *trait* may decide."""
        return trait in self.innocent or (bool(self.text.strip()) and trait in self.allow)


NO_PURPOSE = Purpose()


def purpose_of(text: str, allow: tuple[str, ...], innocent: Sequence[str], catalogue: Catalogue) -> Purpose:
    """Return the declared purpose; what is called innocent covers the traits that are read from it.

    Args:
        text: The purpose.
        allow: Traits that it is for.
        innocent: Names of traits, of items of surveys, or of properties, that mean something else than their words.
        catalogue: All traits.

    Raises:
        DefinitionError: Somebody marked one of them as sensitive.
    """
    read = {name: trait.item for name, trait in catalogue.surveyed.items()}
    read |= {name: trait.property for name, trait in catalogue.mapped.items()}
    names = {*innocent, *(name for name, source in read.items() if source in innocent)}
    for name in sorted(names & set(catalogue.traits)):
        if catalogue.traits[name].sensitive:
            message = f"the trait {name!r} is marked as sensitive, and `innocent` says that it is not"
            raise DefinitionError(message, where="[sensitive]")
    return Purpose(text, allow, frozenset(names))


@dataclass(frozen=True, slots=True)
class SensitiveWord:
    """A sensitive word in a text, and its family."""

    family: str
    word: str


def words(text: str) -> list[str]:
    """Return the words of *text* as the lists spell them: lower case, without accents, ``camelCase`` taken apart.

    Returns:
        Letters a to z only, in the order of the text; digits and punctuation separate words.
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).casefold().replace("ae", "a").replace("oe", "o")
    plain = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return re.findall(r"[a-z]+", plain.replace("ue", "u"))


def find_sensitive(text: str, *, whole: bool = False) -> list[SensitiveWord]:
    """Return the sensitive words in *text*, each once.

    Args:
        text: A name, or prose.
        whole: It is a name: words of `ALONE` count too.

    Returns:
        The word and its family, such as health or religion; empty: nothing sensitive.
    """
    phrase = " ".join(words(text))
    if whole and phrase in ALONE:
        return [SensitiveWord(ALONE[phrase], phrase)]
    phrase = _innocent().sub(" ", phrase)
    return list(dict.fromkeys(_families(phrase)))


def _families(phrase: str) -> Iterator[SensitiveWord]:
    for family, pattern in _patterns().items():
        yield from (SensitiveWord(family, match.group()) for match in pattern.finditer(phrase))


def _pattern(listed: Sequence[str]) -> re.Pattern[str]:
    spelt = (" ".join(words(term)) + ("[a-z]*" if term.endswith("*") else "") for term in listed)
    return re.compile(rf"\b(?:{'|'.join(sorted(spelt, key=len, reverse=True))})\b")


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {family: _pattern(listed) for family, listed in FAMILIES.items()}


@cache
def _innocent() -> re.Pattern[str]:
    return _pattern(INNOCENT)


def why_sensitive(trait: str, catalogue: Catalogue) -> str:
    """Return why *trait* is sensitive, "" where it is not: marked as such, or its words tell.

    Looked at are its name, its meaning, and the property or the survey's item that it is read from.

    Args:
        trait: Its name.
        catalogue: Where it is defined; a name that is not in it is looked at as text.

    Returns:
        A part of a sentence.
    """
    known = catalogue.traits.get(trait)
    if known is not None and known.sensitive:
        return "it is marked as sensitive"
    mapped, surveyed = catalogue.mapped.get(trait), catalogue.surveyed.get(trait)
    if known is not None and mapped is None and surveyed is None:
        return ""  # built in: none of them is
    texts = [trait, known.meaning if known else ""]
    texts += [mapped.property] if mapped else []
    texts += [surveyed.item] if surveyed else []
    text = next((sensitive_word for text in texts for sensitive_word in find_sensitive(text, whole=True)), None)
    return f"{text.word!r} is about {text.family}" if text else ""


def why_sensitive_name(name: str) -> str:
    """Return why a column of this name is sensitive, as a part of a sentence; "" where it is not."""
    known = next(iter(find_sensitive(name, whole=True)), None)
    return f"{known.word!r} is about {known.family}" if known else ""


def usable_traits(catalogue: Catalogue, purpose: Purpose) -> list[Trait]:
    """Return the traits that may be used: no sensitive one without its purpose.

    Args:
        catalogue: All traits.
        purpose: What the workspace allows.
    """
    return [
        trait for name, trait in catalogue.traits.items() if purpose.allows(name) or not why_sensitive(name, catalogue)
    ]


def refuse_sensitive(names: Sequence[str], catalogue: Catalogue, purpose: Purpose, *, where: str) -> None:
    """Refuse to let sensitive traits decide.

    Args:
        names: Traits that a model or a rule would use.
        catalogue: What they are.
        purpose: What the workspace allows.
        where: Who would use them, for the message.

    Raises:
        DefinitionError: One of them is sensitive, and the workspace names no purpose for it.
    """
    for name in names:
        reason = "" if purpose.allows(name) else why_sensitive(name, catalogue)
        if reason:
            raise DefinitionError(
                f"the trait {name!r} is sensitive ({reason}) and can't be used. {FIX.format(name=name)}", where=where
            )
