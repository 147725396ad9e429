"""The workspace's files: what is right is read, and what is wrong is told with its place and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import CredentialError, FixSettingsError
from connectors.secret import Secret
from sync.workspace.manifest import load_manifest
from sync.workspace.settings import Workspace, load_workspace
from sync.workspace.toml_reader import line_of
from tests.examples import examples

MAIN = """\
[workspace]
name = "Acme Outdoor"

[connections.crm]
connector = "hubspot"
access_token = "env:HUBSPOT_TOKEN"
base_url = "http://127.0.0.1:8100"

[connections.email]
connector = "mailchimp"
api_key = "file:key.txt"
audience = "a6b5da1054"

[connections.shop]
connector = "files"
orders = "orders.csv"

[traits.tier]
connection = "crm"
property = "loyalty_tier"
"""
SEGMENTS = """\
[[segments]]
name = "buyers"
rule = "orders_365d >= 1"

[[segments]]
name = "champions"
title = "Champions"
parent = "buyers"
rule = "orders_365d >= 3 and tier = 'gold'"
"""
PERSONAS = """\
[personas.regular]
name = "Regular Rita"
segments = ["buyers"]
story = '''
She orders
[often]
'''
[personas.regular.fields]
headline = "New in this week"

[fields.headline]
crm = "personasync_headline"
email = "PS_HEAD"
fallback = "See what is new"
"""
FILES = {"personasync.toml": MAIN, "segments.toml": SEGMENTS, "personas.toml": PERSONAS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    assert FILES[name].count(old) == 1
    (folder / name).write_text(FILES[name].replace(old, new), "utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(FixSettingsError) as caught:
        load_workspace(folder)
    return str(caught.value)


def crm(workspace: Workspace, environment: dict[str, str]) -> Secret:
    return workspace.connection("crm", load_manifest(), environment).secret


def test_a_workspace_is_read(folder: Path) -> None:
    workspace = load_workspace(folder)

    assert workspace.name == "Acme Outdoor"
    assert list(workspace.connections) == ["crm", "email", "shop"]
    assert [segment.name for segment in workspace.segments] == ["buyers", "champions"]
    assert [step.segment.name for step in workspace.steps.steps] == ["champions", "buyers"]
    assert workspace.persona_of == {"champions": "regular", "buyers": "regular"}
    assert workspace.fields["headline"].targets == {"crm": "personasync_headline", "email": "PS_HEAD"}
    assert workspace.fields["headline"].label == "headline"
    assert workspace.state_dir == folder / ".personasync"


def test_what_is_left_out_has_a_default(folder: Path) -> None:
    workspace = load_workspace(folder)

    assert workspace.engine.reveal() == "duckdb"
    assert workspace.state_url.reveal() == f"sqlite:///{folder / '.personasync' / 'control.db'}"
    assert workspace.guardrails.max_changed == 0.2
    assert workspace.guardrails.max_removed == 0.05
    assert workspace.guardrails.max_data_age_hours == 48
    assert workspace.consent.push == ("subscribed", "unknown")


def test_another_state_is_used_as_it_is(folder: Path) -> None:
    edit(folder, "personasync.toml", 'name = "Acme Outdoor"', 'name = "A"\nstate = "postgresql://127.0.0.1/acme"')

    assert load_workspace(folder).state_url.reveal() == "postgresql://127.0.0.1/acme"


def test_a_connector_is_told_all_that_it_needs(folder: Path) -> None:
    connection = load_workspace(folder).connection("crm", load_manifest(), {"HUBSPOT_TOKEN": "pat-1"})

    assert connection.settings == {"base_url": "http://127.0.0.1:8100"}
    assert (connection.secret.reveal(), "pat-1" in repr(connection)) == ("pat-1", False)
    assert connection.mapped == ("loyalty_tier",)
    assert connection.groups == ("buyers", "champions")
    assert connection.owned[0] == "personasync_persona"
    assert connection.owned[-1] == "personasync_headline"
    assert connection.manifest["hosts"] == ("api.hubapi.com",)
    assert "pat-1" not in repr(connection)


def test_files_are_found_from_the_workspace(folder: Path) -> None:
    connection = load_workspace(folder).connection("shop", load_manifest(), {})

    assert connection.settings == {"orders": str(folder / "orders.csv")}


def test_a_connection_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(FixSettingsError, match=r"no connection 'cmr'.*crm, email, shop"):
        load_workspace(folder).connection("cmr", load_manifest(), {})


def test_definitions_decide_the_digest_and_comments_do_not(folder: Path) -> None:
    before = load_workspace(folder).digest
    (folder / "segments.toml").write_text("# Ours\n" + SEGMENTS, "utf-8")
    commented = load_workspace(folder).digest
    edit(folder, "segments.toml", "orders_365d >= 1", "orders_365d >= 2")

    assert commented == before
    assert load_workspace(folder).digest != before


def test_a_mark_in_front_of_the_text_does_no_harm(folder: Path) -> None:
    (folder / "segments.toml").write_text(SEGMENTS, "utf-8-sig")

    assert len(load_workspace(folder).segments) == 2


WRONG = [
    (
        "personasync.toml",
        'audience = "a6',
        'audiance = "a6',
        "line 12: unknown key 'audiance'. Did you mean 'audience'?",
    ),
    ("personasync.toml", "[traits.tier]", "[traitz.tier]", "line 18: unknown key 'traitz'. Did you mean 'traits'?"),
    ("personasync.toml", 'property = "', 'propperty = "', "line 20: unknown key 'propperty'. Did you mean 'property'?"),
    ("personasync.toml", 'name = "Acme Outdoor"', "", "line 1: the key 'workspace.name' is missing."),
    ("personasync.toml", '"hubspot"', '"hubspott"', "line 5: unknown connector 'hubspott'; known: bottlecrm, brevo"),
    (
        "personasync.toml",
        'connection = "crm"',
        'connection = "erp"',
        "line 19: there is no connection 'erp'; known: crm",
    ),
    ("personasync.toml", 'orders = "orders.csv"', "orders = 7", "line 16: 'orders' must be text in quotes."),
    ("personasync.toml", 'connector = "files"', "", "line 14: the key 'connections.shop.connector' is missing."),
    (
        "personasync.toml",
        "[connections.shop]",
        "[connections.mailto]",
        "line 14: 'connections.mailto': this name is reserved",
    ),
    ("personasync.toml", "[connections.shop]", "[connections.Shop]", "line 14: 'connections.Shop' must be lower-case"),
    (
        "personasync.toml",
        'property = "loyalty_tier"',
        'survey = "needs"',
        "line 18: 'traits.tier': a trait needs either connection and property, or survey and item.",
    ),
    (
        "personasync.toml",
        "[traits.tier]",
        "[traits.consent]",
        "line 18: trait 'consent': a built-in trait has this name",
    ),
    (
        "personasync.toml",
        "[traits.tier]",
        "[guardrails]\nmax_changed = 2\n[traits.tier]",
        "line 19: 'guardrails.max_changed': ",
    ),
    ("segments.toml", 'title = "Cham', 'tilte = "Cham', "line 7: unknown key 'tilte'. Did you mean 'title'?"),
    (
        "segments.toml",
        'parent = "buyers"',
        'parent = "buyer"',
        "line 5: segment 'champions': there is no segment 'buyer'",
    ),
    ("segments.toml", 'name = "champions"', 'name = "buyers"', "segment 'buyers': duplicate name"),
    ("segments.toml", 'name = "champions"', 'name = "Our Champions"', "line 6: 'segments.1.name' must be lower-case"),
    ("segments.toml", "orders_365d >= 3", "orders_365 >= 3", "segment 'champions'"),
    ("personas.toml", "story = ", "storey = ", "line 4: unknown key 'storey'. Did you mean 'story'?"),
    ("personas.toml", 'email = "PS', 'emial = "PS', "line 13: unknown key 'emial'. Did you mean 'email'?"),
    ("personas.toml", 'fallback = "See what is new"', "", "line 11: the key 'fields.headline.fallback' is missing."),
    (
        "personas.toml",
        '"PS_HEAD"',
        '"PS_HEADLINE"',
        "line 13: 'PS_HEADLINE' has 11 characters; a field of Mailchimp can have at most 10.",
    ),
    (
        "personas.toml",
        '"PS_HEAD"',
        '"PERSONA"',
        "line 13: 'PERSONA' on 'email' is already used by the assignment itself",
    ),
    ("personas.toml", '"PS_HEAD"', '""', "line 13: the name of a Mailchimp field must be text in quotes."),
    ("personas.toml", '["buyers"]', '["sellers"]', "line 1: persona 'regular': there is no segment 'sellers'"),
    ("personas.toml", 'headline = "New', 'headlien = "New', "line 9: persona 'regular', field 'headlien'"),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), WRONG)
def test_a_mistake_is_told_with_file_and_line(folder: Path, name: str, old: str, new: str, told: str) -> None:
    edit(folder, name, old, new)

    message = refusal(folder)
    assert message.startswith(name)
    assert told in message


def test_two_fields_can_not_share_a_name_on_a_platform(folder: Path) -> None:
    more = '[fields.offer]\nemail = "PS_HEAD"\nfallback = "x"\n'
    (folder / "personas.toml").write_text(PERSONAS + more, "utf-8")

    assert "line 16: 'PS_HEAD' on 'email' is already used by the field 'headline'" in refusal(folder)


def test_several_mistakes_are_told_at_once(folder: Path) -> None:
    edit(folder, "segments.toml", "title", "tilte")
    text = (folder / "segments.toml").read_text("utf-8").replace("parent", "parnet")
    (folder / "segments.toml").write_text(text, "utf-8")

    assert refusal(folder).count("Did you mean") == 2


def test_broken_toml_is_told_with_line_and_column(folder: Path) -> None:
    edit(folder, "segments.toml", 'title = "Champions"', 'title = "Champions')

    assert refusal(folder).startswith("segments.toml is not valid TOML: ")
    assert "line 7, column" in refusal(folder)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_told(folder: Path, name: str) -> None:
    (folder / name).unlink()

    assert refusal(folder) == (
        f"There is no {name} in {folder}. Run `personasync init` there to create a workspace, or name its folder: "
        "--workspace DIR."
    )


def test_text_in_another_encoding_is_told(folder: Path) -> None:
    (folder / "segments.toml").write_bytes(SEGMENTS.replace("Champions", "Größte").encode("latin-1"))

    assert "Save it as UTF-8 text." in refusal(folder)


@pytest.mark.parametrize("literal", ["pat-eu1-123", "secret:of:mine", "env:", "", ":", "ENV:HUBSPOT_TOKEN"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(folder: Path, literal: str) -> None:
    edit(folder, "personasync.toml", '"env:HUBSPOT_TOKEN"', f'"{literal}"')

    message = refusal(folder)
    assert "personasync.toml, line 6: 'access_token'" in message
    assert "env:NAME, keyring:NAME or file:PATH" in message
    assert len(literal) < 6 or literal not in message


def test_a_missing_secret_is_told(folder: Path) -> None:
    edit(folder, "personasync.toml", 'access_token = "env:HUBSPOT_TOKEN"', "")

    assert "'access_token' is missing" in refusal(folder)


def test_a_workspace_is_read_without_its_secrets(folder: Path) -> None:
    workspace = load_workspace(folder)

    with pytest.raises(CredentialError, match="environment variable HUBSPOT_TOKEN is not set"):
        crm(workspace, {})
    with pytest.raises(CredentialError, match=r"the file key\.txt is missing or empty"):
        workspace.connection("email", load_manifest(), {})


def test_a_secret_comes_from_the_environment(folder: Path) -> None:
    secret = crm(load_workspace(folder), {"HUBSPOT_TOKEN": " pat-1\n"})

    assert secret.reveal() == "pat-1"


def test_a_secret_comes_from_a_file_of_the_workspace(folder: Path) -> None:
    (folder / "key.txt").write_text("abc-us1\n")

    assert load_workspace(folder).connection("email", load_manifest(), {}).secret.reveal() == "abc-us1"


PLACES = """\
# [not.a.table]
top = 1
[a]
"quoted key" = [
  1, # [b]
  2,
]
text = '''
[c]
x = 1
'''
dotted.inner = 2
[[list]]
name = "first"
[list.sub]
x = 1
[[list]]
name = "second"
[list.sub]
y = { z = 1 }
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("top",), 2),
        (("a",), 3),
        (("a", "quoted key"), 4),
        (("a", "text"), 8),
        (("a", "dotted", "inner"), 12),
        (("list", 0, "name"), 14),
        (("list", 0, "sub", "x"), 16),
        (("list", 1), 17),
        (("list", 1, "name"), 18),
        (("list", 1, "sub", "y", "z"), 20),
        (("list", 1, "missing"), 17),
        (("missing",), None),
    ],
)
def test_the_line_of_a_key_is_found_in_any_spelling(place: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(PLACES, place) == line


@examples(60)
@given(
    name=st.sampled_from(sorted(FILES)), cut=st.tuples(st.integers(0, 400), st.integers(0, 40)), put=st.text(max_size=5)
)
def test_a_damaged_file_gives_a_workspace_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, cut: tuple[int, int], put: str
) -> None:
    folder = tmp_path_factory.mktemp("workspace")
    start, length = cut
    damaged = FILES[name][:start] + put + FILES[name][start + length :]
    for file, text in (FILES | {name: damaged}).items():
        (folder / file).write_bytes(text.encode("utf-8", "surrogatepass"))

    problem = ""
    try:
        load_workspace(folder)
    except FixSettingsError as error:
        problem = str(error)

    assert not problem or problem.startswith(tuple(FILES))


def test_an_item_of_a_survey_becomes_a_trait_that_rules_can_use(folder: Path) -> None:
    file = folder / "personasync.toml"
    answers = '[connections.survey]\nconnector = "files"\nanswers = "answers.csv"\n'
    trait = '[traits.price]\nsurvey = "needs"\nitem = "q1"\ntype = "number"\n'
    file.write_text(file.read_text("utf-8") + answers + trait, "utf-8")
    rules = folder / "segments.toml"
    rules.write_text(rules.read_text("utf-8") + '[[segments]]\nname = "savers"\nrule = "price >= 4"\n', "utf-8")

    loaded = load_workspace(folder)

    assert loaded.catalogue.surveyed["price"].item == "q1"
    assert loaded.catalogue.traits["price"].source == "survey_answers"
