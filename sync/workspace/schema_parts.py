"""What the sections of workspace files are made from: names, shares, addresses, and what is forbidden."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from connectors.records import normalise_email


def _no_scheme(name: str) -> str:
    if name == "mailto":
        message = "this name is reserved; choose another"
        raise ValueError(message)
    return name


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ConnectionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$"), AfterValidator(_no_scheme)]
Share = Annotated[float, Field(ge=0, le=1)]


class FilePart(BaseModel):
    """Section of a workspace file; unknown keys are errors."""

    # what people typed may be a secret in the wrong place: no error repeats it
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OpenPart(BaseModel):
    """Section with additional keys, which are checked elsewhere."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    def extra(self) -> dict[str, object]:
        """Return the keys that this part does not define."""
        return dict(self.model_extra or {})


def _is_address(address: str) -> str:
    known = normalise_email(address)
    if known is None:
        message = "not an email address; write one like ada@example.com"
        raise ValueError(message)
    return known


Address = Annotated[str, AfterValidator(_is_address)]


Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionPart(FilePart):
    """[retention]: after how many days `run` deletes rows, by table; 0 keeps them."""

    engagements: Days = Field(default=0, description="Opens, clicks, visits and forms.")
    deliveries: Days = Field(default=0, description="Mails that reached somebody.")
    orders: Days = Field(default=0, description="Orders and their lines.")
    survey_answers: Days = Field(default=0, description="Survey answers.")
    old_versions: Days = Field(
        default=0,
        description="Versions of contacts and assignments that are not in force, and what the service decided by.",
    )
    ledger: Days = Field(default=0, description="Changes that were sent; the newest of each value stays.")
    files: Days = Field(default=0, description="Plans and reports in .personasync.")
    erased: Days = Field(
        default=0,
        description="Keyed hashes of erased people; without them, a platform that has a person gives it back.",
    )


class ExportPart(FilePart):
    """[export]: tables for other tools."""

    folder: str | None = Field(
        default=None,
        description="Where `run` writes the tables of `export tables`: a folder. Default: nowhere.",
    )
