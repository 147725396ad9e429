"""Table definitions of the control store; a test compares them with the migrations."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Utc(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return *value* in UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return *value* with its zone."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only a plain INTEGER key

run = Table(
    "run",
    metadata,
    Column("run_id", String(40), primary_key=True),
    Column("command", String(200), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("counts", JSON, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("connection", String(100), primary_key=True),
    Column("stream", String(100), primary_key=True),
    Column("position", JSON, nullable=False),
    Column("moved_at", Utc, nullable=False),
    Column("run_id", String(40), nullable=False),
)

link = Table(
    "link",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("person_id", String(60), nullable=False, index=True),
    Column("run_id", String(40), nullable=False),
    Column("number", Integer, nullable=False, index=True),  # of the writing that made it
)

link_writing = Table(
    "link_writing",
    metadata,
    Column("number", Integer, primary_key=True),  # a later writing has a larger number
    Column("dropped", Integer, nullable=False),  # how many links it took away without a trace
)

link_past = Table(
    "link_past",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("until_number", Integer, primary_key=True),  # of the writing that replaced or dropped it
    Column("number", Integer, nullable=False),  # of the writing that made it
    Column("person_id", String(60), nullable=False, index=True),
)

merged_person = Table(
    "merged_person",
    metadata,
    Column("person_id", String(60), primary_key=True),
    Column("into_person_id", String(60), nullable=False),
    Column("run_id", String(40), nullable=False),
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", String(60), primary_key=True),
    Column("run_id", String(40), nullable=False),
    Column("path", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry", NUMBER, primary_key=True, autoincrement=True),
    Column("run_id", String(40), nullable=False),
    Column("connection", String(100), nullable=False),
    Column("platform_id", String(200), nullable=False),
    Column("person_id", String(60), nullable=False),
    Column("email", String(320)),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("state", String(20), nullable=False),  # "" until there is an outcome
    Column("reason", Text, nullable=False),
    Column("code", String(100), nullable=False),
    Column("intended_at", Utc, nullable=False),
    Column("settled_at", Utc),
    Index("ledger_change", "run_id", "connection", "platform_id", "kind", "name", unique=True),
    Index("ledger_state", "state"),
    Index("ledger_group", "connection", "kind", "name", "platform_id"),
    Index("ledger_contact", "connection", "platform_id"),
)

inbox_event = Table(
    "inbox_event",
    metadata,
    Column("event_key", String(400), primary_key=True),
    Column("contact", String(400), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("occurred_at", Utc, nullable=False),
    Column("received_at", Utc, nullable=False),
    Column("detail", JSON, nullable=False),  # emptied when it is settled
    Column("state", String(20), nullable=False),  # waiting | done | echo | gone | foreign
    Column("settled_at", Utc),
    Column("settled_by", String(100)),
    Column("answer", JSON(none_as_null=True)),
    Index("inbox_event_contact", "contact", "state"),
    Index("inbox_event_settled", "settled_at"),
)

inbox_contact = Table(
    "inbox_contact",
    metadata,
    Column("contact", String(400), primary_key=True),
    Column("state", String(20), nullable=False),  # waiting | dead_letter
    Column("first_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("arrivals", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("owner", String(100), nullable=False),  # "" while nobody is at it
    Column("lease_until", Utc),
    Column("reason", Text, nullable=False),
    Index("inbox_contact_due", "state", "due_at"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("until", Utc, nullable=False),
)

published_person = Table(
    "published_person",
    metadata,
    Column("person_id", String(60), primary_key=True),
    Column("base", JSON, nullable=False),
    Column("assignment", JSON(none_as_null=True)),
    Column("digest", String(32), nullable=False),
    Column("as_of", Utc, nullable=False),
)

seen_contact = Table(
    "seen_contact",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("shown", JSON, nullable=False),
    Column("seen_at", Utc, nullable=False),
)

opt_out = Table(
    "opt_out",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("consent", String(20), nullable=False),
    Column("seen_at", Utc, nullable=False),
)

objection = Table(
    "objection",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("source", String(200), primary_key=True),  # "command", or where it stands on a platform
    Column("said_by", String(100), nullable=False),
    Column("noted_at", Utc, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("entry", NUMBER, primary_key=True, autoincrement=True),
    Column("person_id", String(60), nullable=False),
    Column("assignment", JSON, nullable=False),
    Column("recorded_at", Utc, nullable=False),
    Column("taken_at", Utc),
    Index("outbox_recorded", "recorded_at"),
)

service_decision = Table(
    "service_decision",
    metadata,
    Column("entry", NUMBER, primary_key=True, autoincrement=True),
    Column("person_id", String(60), nullable=False),
    Column("definitions", String(32), nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("assignment", JSON, nullable=False),
    Column("recorded_at", Utc, nullable=False),
    Index("service_decision_person", "person_id"),
)

persona_version = Table(
    "persona_version",
    metadata,
    Column("version", NUMBER, primary_key=True, autoincrement=True),
    Column("slug", String(60), nullable=False),
    Column("digest", String(32), nullable=False),
    Column("as_of", Utc, nullable=False),
    Column("recorded_at", Utc, nullable=False),
    Column("run_id", String(40), nullable=False),
    Column("facts", JSON, key="profile", nullable=False),
    Column("invention", JSON, nullable=False),
    Index("persona_version_slug", "slug", "version"),
)

pin = Table(
    "pin",
    metadata,
    Column("pin", NUMBER, primary_key=True, autoincrement=True),
    Column("email", String(320), nullable=False),
    Column("segment", String(60), nullable=False),
    Column("until", Utc, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", String(100), nullable=False),
    Column("set_at", Utc, nullable=False),
    Column("ended_by", String(100)),
    Column("ended_at", Utc),
    Index("pin_email", "email"),
)

probed = Table(
    "probed",
    metadata,
    Column("connection", String(100), primary_key=True),
    Column("assumption", String(20), primary_key=True),
    Column("state", String(20), nullable=False),  # held | broken
    Column("probed_at", Utc, nullable=False),
    Column("run_id", String(40), nullable=False),
)

erased = Table(
    "erased",
    metadata,
    Column("digest", String(64), primary_key=True),  # of a contact key, with the workspace's key
    Column("erasure", String(40), nullable=False, index=True),  # the same for all keys of a person
    Column("erased_at", Utc, nullable=False),  # an older subscription is no new consent
    Column("shown", String(20), nullable=False),  # the consent that the record showed last; "": none since
    Column("lifted_at", Utc),  # when consent came anew
)

erasure_job = Table(
    "erasure_job",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("begun_at", Utc, nullable=False),
    Column("work", JSON, nullable=False),  # who is erased; emptied before the store is compacted
    Column("counts", JSON, nullable=False),
)

written_file = Table(
    "written_file",
    metadata,
    Column("path", String(1000), primary_key=True),  # absolute: an export or a preview, with personal data
    Column("written_at", Utc, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("alert", NUMBER, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False),
    Column("since", Utc, nullable=False),
    Column("title", String(300), nullable=False),
    Column("detail", Text, nullable=False),
    Column("ended_at", Utc),
)

notice = Table(
    "notice",
    metadata,
    Column("notice_id", String(40), primary_key=True),
    Column("target", String(32), nullable=False),
    Column("body", JSON, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("next_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
)
