"""Put invented humans on both platforms, with the dirt that real accounts have."""

from __future__ import annotations

import random
from datetime import timedelta

from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.people import Human, Purchase, people
from connectors.sandbox.tastes import remember_taste
from connectors.sandbox.world import World

AUDIENCE = "a6b5da1054"
STORE = "shop"
IN_CRM, IN_EMAIL = 0.9, 0.8
OTHER_CASE = 0.05  # written with other letters in Mailchimp than in the CRM
SECOND_ADDRESS = 0.03  # Mailchimp knows an address that the CRM has as an additional one
OPTED_OUT, CLEANED, PENDING = 0.04, 0.01, 0.01
WITHOUT_ADDRESS = 0.01  # CRM contacts from trade fairs

CATALOGUE = {
    "kitchen": ("Enamel mug", "Oak board", "Tea towel"),
    "garden": ("Seed tin", "Hand trowel", "Plant lamp"),
    "paper": ("Gift wrap", "Notebook", "Post cards"),
}


def prepare(world: World) -> MailchimpState:
    """Make the audience, its fields and the shop, unless a saved state brings them."""
    email = MailchimpState.of(world)
    if AUDIENCE in email.audiences:
        return email
    email.add_audience("Customers", list_id=AUDIENCE)
    have = {field["tag"] for field in email.fields(AUDIENCE).values()}
    for tag, name in (("FNAME", "First name"), ("LNAME", "Last name"), ("COUNTRY", "Country")):
        if tag not in have:
            email.add_merge_field(AUDIENCE, tag, name=name)
    email.add_store(AUDIENCE, STORE, "Shop")
    for category, titles in CATALOGUE.items():
        for title in titles:
            key = title.lower().replace(" ", "-")
            email.add_product(STORE, {"id": key, "title": title, "type": category, "vendor": "Shop"})
    return email


def fill(world: World, count: int) -> None:
    """Let *count* humans live on both platforms, most of them on both."""
    email, crm = prepare(world), HubSpotState.of(world)
    for human in people(count, seed=world.seed, now=world.clock.now()):
        dice = random.Random(f"{world.seed}/platforms/{human.number}")  # noqa: S311 - people, not secrets
        known = dice.random() < IN_CRM, dice.random() < IN_EMAIL
        remember_taste(world, human.email, human.taste)
        if known[0] or not known[1]:
            _into_crm(crm, human, dice, orders=not known[1] or dice.random() < 0.5)  # noqa: PLR2004 - a coin
        else:
            _into_email(world, email, human, dice, orders=True)
            continue
        if known[1]:
            _into_email(world, email, human, dice, orders=not crm.deals_of.get(crm.by_email.get(human.email, ""), []))
    for number in range(round(count * WITHOUT_ADDRESS)):
        crm.add_contact(
            {"firstname": "Visitor", "lastname": str(number)}, created_at=world.clock.now() - timedelta(days=30)
        )


def _into_crm(crm: HubSpotState, human: Human, dice: random.Random, *, orders: bool) -> None:
    properties = {
        "email": human.email,
        "firstname": human.given,
        "lastname": human.family,
        "country": human.country,
        "lifecyclestage": "customer" if human.orders else "lead",
    }
    if dice.random() < SECOND_ADDRESS:
        properties["hs_additional_emails"] = second_address(human)
    record_id = crm.add_contact(properties, created_at=human.since, opted_out=dice.random() < OPTED_OUT)
    for order in human.orders if orders else ():
        values = {"amount": str(order.amount), "deal_currency_code": "USD"}
        crm.add_deal(values, contact_id=record_id, at=order.at)


def _into_email(world: World, email: MailchimpState, human: Human, dice: random.Random, *, orders: bool) -> None:
    crm = HubSpotState.of(world)
    address = human.email
    if second_address(human) in crm.by_email:
        address = second_address(human)
        remember_taste(world, address, human.taste)
    elif dice.random() < OTHER_CASE:
        address = human.email.title().replace("@People.Test", "@people.test")
    lot, status = dice.random(), "subscribed"
    for share, other in ((OPTED_OUT, "unsubscribed"), (CLEANED, "cleaned"), (PENDING, "pending")):
        if 0 <= lot < share:
            status = other
        lot -= share
    fields = {"FNAME": human.given, "LNAME": human.family, "COUNTRY": human.country}
    email.add_member(AUDIENCE, address, status=status, merge_fields=fields, at=human.since)
    if status in {"unsubscribed", "cleaned"}:
        member = email.directory(AUDIENCE).find(address.lower())
        if member is not None:
            member["compliance"] = True
    for place, order in enumerate(human.orders if orders else ()):
        _shop_order(email, human, address, order, f"{human.number}-{place}")


def _shop_order(email: MailchimpState, human: Human, address: str, order: Purchase, order_id: str) -> None:
    dice = random.Random(order_id)  # noqa: S311
    category = "paper" if human.taste == "gift" else dice.choice(list(CATALOGUE))
    title = dice.choice(CATALOGUE[category])
    key = title.lower().replace(" ", "-")
    line = {
        "id": f"{order_id}-1",
        "product_id": key,
        "product_title": title,
        "product_variant_id": key,
        "product_variant_title": title,
        "quantity": 1,
        "price": order.amount,
        "discount": 0,
    }
    email.add_order(
        STORE,
        {
            "id": order_id,
            "customer": {"id": f"c-{human.number}", "email_address": address},
            "currency_code": "USD",
            "order_total": order.amount,
            "processed_at_foreign": order.at.isoformat(),
            "financial_status": "paid",
            "lines": [line],
        },
    )


def second_address(human: Human) -> str:
    """Return the other address that some humans have."""
    return f"{human.family}{human.number}@second.test".lower()
