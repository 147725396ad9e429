"""The official SDK, unchanged, against the local HubSpot: every method that a sync product needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hubspot import HubSpot
from urllib3.util.retry import Retry

from connectors.sandbox.world import HUBSPOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.connectors.sandbox.hubspot.conftest import Platform


class Api:
    """The SDK's client, whose api objects are kept and whose pools are closed with the test."""

    def __init__(self, url: str) -> None:
        self.client = HubSpot(access_token=HUBSPOT_TOKEN, host=url, base_url=url, retry=Retry(0))
        self.kept: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.kept:
            api = self.client
            for part in name.split("."):
                api = getattr(api, part)
            self.kept[name] = api
        return self.kept[name]

    def close(self) -> None:
        for api in self.kept.values():
            api.api_client.rest_client.pool_manager.clear()
            api.api_client.close()


@pytest.fixture
def sdk(hubspot: Platform) -> Iterator[Api]:
    api = Api(hubspot.url)
    yield api
    api.close()


def test_the_sdk_reads_and_writes_single_contacts(hubspot: Platform, sdk: Api) -> None:
    contacts = sdk["crm.contacts.basic_api"]
    made = contacts.create({"properties": {"email": "ada@people.test", "firstname": "Ada"}})
    changed = contacts.update(made.id, {"properties": {"city": "Bern"}})
    read = contacts.get_by_id("ada@people.test", id_property="email", properties=["city", "firstname"])
    page, status, headers = contacts.get_page_with_http_info(
        limit=100, properties=["city"], properties_with_history=None
    )
    other = hubspot.add("ada@work.test")
    merged = contacts.merge({"primaryObjectId": made.id, "objectIdToMerge": other})
    contacts.purge({"objectId": merged.id})
    last = hubspot.add("eve@people.test")
    contacts.archive(last)

    assert (changed.properties["city"], read.properties["firstname"], read.id) == ("Bern", "Ada", made.id)
    assert (status, len(page.results), headers["X-HubSpot-RateLimit-Max"]) == (200, 1, "190")
    assert [row.id for row in contacts.get_page(archived=True).results] == [last]
    assert contacts.get_page().results == []


def test_the_sdk_pages_through_everything(hubspot: Platform, sdk: Api) -> None:
    ids = [hubspot.add(f"p{number}@people.test") for number in range(230)]

    contacts = sdk["crm.contacts.basic_api"]
    seen, after = [], None
    while True:
        page = contacts.get_page(limit=100, after=after) if after else contacts.get_page(limit=100)
        seen += [row.id for row in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after

    assert seen == ids


def test_the_sdk_works_in_batches_and_types_a_207_apart(hubspot: Platform, sdk: Api) -> None:
    batch = sdk["crm.contacts.batch_api"]
    made = batch.create({"inputs": [{"properties": {"email": "ada@people.test"}, "associations": []}]})
    record_id = made.results[0].id
    read = batch.read(
        {
            "idProperty": "email",
            "properties": ["email"],
            "propertiesWithHistory": [],
            "inputs": [{"id": "ada@people.test"}],
        }
    )
    partial = batch.update(
        {"inputs": [{"id": record_id, "properties": {"city": "Bern"}}, {"id": "999", "properties": {}}]}
    )
    upserted = batch.upsert({"inputs": [{"id": "new@people.test", "idProperty": "email", "properties": {"city": "x"}}]})
    batch.archive({"inputs": [{"id": record_id}]})

    assert (read.status, read.results[0].id) == ("COMPLETE", record_id)
    assert (type(partial).__name__, partial.num_errors) == ("BatchResponseSimplePublicObjectWithErrors", 1)
    assert partial.errors[0].context == {"ids": ["999"]}
    assert upserted.results[0].new is True
    assert len(hubspot.get("/crm/v3/objects/contacts")["results"]) == 1


def test_the_sdk_searches(hubspot: Platform, sdk: Api) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")
    condition = {"propertyName": "city", "operator": "EQ", "value": "Bern"}
    body = {"filterGroups": [{"filters": [condition]}], "sorts": ["hs_object_id"], "properties": ["city"], "limit": 200}

    answer = sdk["crm.contacts.search_api"].do_search(body)

    assert (answer.total, answer.results[0].id, answer.paging) == (1, record_id, None)


def test_the_sdk_defines_properties(sdk: Api) -> None:
    option = {"label": "A", "value": "a", "hidden": False, "displayOrder": 0}
    definition = {"name": "ps", "label": "P", "type": "enumeration", "fieldType": "select", "groupName": "personasync"}
    groups, core, batch = (sdk[f"crm.properties.{name}"] for name in ("groups_api", "core_api", "batch_api"))
    group = groups.create("contacts", {"name": "personasync", "label": "Personasync"})
    made = core.create("contacts", {**definition, "options": [option]})
    changed = core.update("contacts", "ps", {"options": [option, {**option, "label": "B", "value": "b"}]})
    read = batch.read("contacts", {"archived": False, "inputs": [{"name": "ps"}]})

    assert (group.name, made.name, [entry.value for entry in changed.options]) == ("personasync", "ps", ["a", "b"])
    assert read.results[0].name == core.get_by_name("contacts", "ps").name
    assert {"email", "ps"} <= {row.name for row in core.get_all("contacts").results}
    assert "personasync" in {row.name for row in groups.get_all("contacts").results}
    core.archive("contacts", "ps")
    assert "ps" not in {row.name for row in core.get_all("contacts").results}


def test_the_sdk_keeps_lists(hubspot: Platform, sdk: Api) -> None:
    lists, memberships = sdk["crm.lists.lists_api"], sdk["crm.lists.memberships_api"]
    ada, bob = hubspot.add("ada@people.test"), hubspot.add("bob@people.test")
    body = {"name": "personasync: buyers", "objectTypeId": "0-1", "processingType": "MANUAL"}
    list_id = lists.create(body).list.list_id
    added = memberships.add(list_id, [ada, "999"])
    memberships.add_and_remove(list_id, {"recordIdsToAdd": [bob], "recordIdsToRemove": [ada]})
    page = memberships.get_page(list_id, limit=250)
    memberships.remove(list_id, [bob])

    assert (added.records_ids_added, added.record_ids_missing) == ([ada], ["999"])
    assert (page.total, page.results[0].record_id) == (1, bob)
    assert lists.get_by_name("Personasync: Buyers", "0-1").list.list_id == list_id
    assert lists.get_by_id(list_id).list.name == "personasync: buyers"
    assert lists.do_search({"query": "buyers"}).total == 1
    assert lists.update_name(list_id, list_name="buyers").updated_list.name == "buyers"
    lists.remove(list_id)
    assert lists.do_search({"query": ""}).total == 0


def test_the_sdk_reads_deals_and_whose_they_are(hubspot: Platform, sdk: Api) -> None:
    contact = hubspot.add("ada@people.test")
    deal = hubspot.state.add_deal({"amount": "10"}, contact_id=contact, at=hubspot.world.clock.now())

    page = sdk["crm.deals.basic_api"].get_page(associations=["contacts"], properties=["amount"])
    answer = sdk["crm.deals.search_api"].do_search({"filterGroups": [], "limit": 10})
    read = sdk["crm.deals.batch_api"].read({"inputs": [{"id": deal}], "properties": [], "propertiesWithHistory": []})
    links = sdk["crm.associations.v4.batch_api"].get_page("deals", "contacts", {"inputs": [{"id": deal}]})

    assert page.results[0].associations["contacts"].results[0].id == contact
    assert (answer.results[0].id, read.results[0].id) == (deal, deal)
    assert links.results[0].to[0].to_object_id == contact


def test_the_sdk_reads_emails_and_their_figures(hubspot: Platform, sdk: Api) -> None:
    emails, figures = sdk["marketing.emails.marketing_emails_api"], sdk["marketing.emails.statistics_api"]
    made = emails.create({"name": "Offer", "subject": "Hello"})
    row = hubspot.state.emails[made.id]
    now = hubspot.world.clock.now()
    hubspot.state.emails[made.id] = {**row, "isPublished": True, "publishedAt": now.isoformat(), "state": "PUBLISHED"}
    hubspot.state.record_event(made.id, row["primaryEmailCampaignId"], "SENT", "ada@people.test", now)
    span = {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2099-01-01T00:00:00Z"}

    page = emails.get_page(include_stats=True, is_published=True)
    totals = figures.get_emails_list(**span, email_ids=[int(made.id)])
    histogram = figures.get_histogram(**span, interval="DAY")

    assert (page.total, page.results[0].stats.counters["sent"]) == (1, 1)
    assert emails.get_by_id(made.id, include_stats=True).stats.counters["sent"] == 1
    assert (totals.aggregate.counters["sent"], totals.emails) == (1, [int(made.id)])
    assert histogram.results[0].aggregations.counters["sent"] == 1


def test_the_sdk_keeps_consent_and_reads_owners(hubspot: Platform, sdk: Api) -> None:
    status, definitions = (sdk[f"communication_preferences.{name}"] for name in ("status_api", "definition_api"))
    choice = {"emailAddress": "ada@people.test", "subscriptionId": "71"}
    status.subscribe(choice)
    subscribed = status.get_email_status("ada@people.test").subscription_statuses[0].status
    status.unsubscribe(choice)

    assert subscribed == "SUBSCRIBED"
    assert status.get_email_status("ada@people.test").subscription_statuses[0].status == "NOT_SUBSCRIBED"
    assert len(definitions.get_page().subscription_definitions) == 2
    assert len(sdk["crm.owners.owners_api"].get_page().results) == 3


def test_what_the_sdk_lacks_goes_through_its_plain_requests(hubspot: Platform, sdk: Api) -> None:
    hubspot.add("ada@people.test")
    for path in (
        "/crm/objects/2026-03/contacts",
        "/email/public/v1/events",
        "/account-info/2026-03/details",
        "/communication-preferences/v4/definitions",
    ):
        with sdk.client.api_request({"method": "GET", "path": path, "qs": {"limit": 100}}) as reply:
            assert (reply.status_code, bool(reply.json())) == (200, True)


def test_the_sdk_raises_what_the_platform_refuses(hubspot: Platform, sdk: Api) -> None:
    hubspot.world.settings.scopes = frozenset({"crm.objects.contacts.read"})
    contacts = sdk["crm.contacts.basic_api"]

    with pytest.raises(Exception, match="404") as missing:
        contacts.get_by_id("999")
    with pytest.raises(Exception, match="requiredGranularScopes") as forbidden:
        contacts.create({"properties": {"email": "ada@people.test"}})

    assert (type(missing.value).__name__, type(forbidden.value).__name__) == ("NotFoundException", "ForbiddenException")
