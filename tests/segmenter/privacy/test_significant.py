"""Significant decisions: names that speak of one are stopped, names of ordinary marketing are not."""

from __future__ import annotations

import pytest

from segmenter.errors import DefinitionError
from segmenter.privacy.significant import Reviewed, find_significant, refuse_significant


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("credit_limit", "credit"),
        ("Kreditrahmen", "credit"),
        ("loanApproved", "credit"),
        ("Bonität", "credit"),
        ("tenant_screening", "housing"),
        ("Mietzusage", "housing"),
        ("hiring_stage", "employment"),
        ("Bewerber-Rang", "employment"),
        ("insurance premium", "insurance"),
        ("Versicherungstarif", "insurance"),
        ("personalised_price", "individual prices"),
        ("willingness_to_pay", "individual prices"),
    ],
)
def test_a_name_of_a_decision_is_stopped(name: str, area: str) -> None:
    spotted = find_significant(name, name=True)
    assert spotted is not None
    assert spotted.area == area


@pytest.mark.parametrize(
    "name",
    ["headline", "job_title", "favourite_category", "premium_buyers", "price_sensitive", "offer", "discount_code",
     "store_credit", "credit_card_type", "home_office", "next_product", "champions", "PS_HEAD", "Rabatt", "loyalty"],
)  # fmt: skip
def test_names_of_ordinary_marketing_pass(name: str) -> None:
    assert find_significant(name, name=True) is None


def test_an_email_may_tell_of_an_insurance_but_not_the_readers_premium() -> None:
    assert find_significant("Our new travel insurance starts in June.", name=False) is None
    assert find_significant("Your premium is 12 EUR.", name=False) is not None
    assert find_significant("Ihr persönlicher Preis: 12 EUR", name=False) is not None


def test_what_counsel_reviewed_passes_and_needs_a_review() -> None:
    names = {"field 'loan_offer'": ("loan_offer",)}
    with pytest.raises(DefinitionError, match=r"field 'loan_offer': 'loan' is about credit.*\[decisions\] review"):
        refuse_significant(names, {}, Reviewed("", ("loan_offer",)))
    refuse_significant(names, {}, Reviewed("Legal, 2026-11-02, art. 22(2)(c)", ("loan_offer",)))
