-- What was received, what it says happened, and what is done about it.
--
-- No foreign keys: the rows of one message are written by one statement and removed by one, and
-- each check would cost a look-up for every row on the way in.

-- What one column alone may say is a domain and not a CHECK of its table: the executor reads a
-- table's CHECKs anew for every statement, a domain's once for each connection. Clients see the
-- types beneath.
CREATE DOMAIN digest AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN tally AS integer CHECK (VALUE >= 0);
CREATE DOMAIN extent AS integer CHECK (VALUE > 0);
CREATE DOMAIN message_status AS text CHECK (VALUE IN ('accepted', 'quarantined'));
CREATE DOMAIN message_origin AS text CHECK (VALUE IN ('attio', 'reconcile', 'alert'));
CREATE DOMAIN delivery_state AS text
    CHECK (VALUE IN ('open', 'succeeded', 'skipped', 'dead', 'discarded'));
CREATE DOMAIN delivery_hold AS text CHECK (VALUE IN ('order', 'orphaned', 'paused'));
CREATE DOMAIN pause_kind AS text CHECK (VALUE IN ('action', 'route'));
CREATE DOMAIN attempt_result AS text
    CHECK (VALUE IN ('succeeded', 'failed', 'timeout', 'refused', 'cut_off', 'lease_lost'));
CREATE DOMAIN snapshot_kind AS text CHECK (VALUE IN ('record', 'entry', 'previous', 'actor',
    'workspace', 'note', 'task', 'comment', 'meeting'));

CREATE TABLE messages (
    id          uuid        NOT NULL PRIMARY KEY,
    dedup       digest      NOT NULL,
    source      text        NOT NULL,
    webhook_id  text,
    key         bytea,
    received_at timestamptz NOT NULL,
    status      message_status NOT NULL,
    reason      text,
    body        bytea       NOT NULL,
    origin      message_origin NOT NULL DEFAULT 'attio',
    body_digest digest,
    released    uuid,
    CONSTRAINT quarantined_says_why CHECK ((status = 'quarantined') = (reason IS NOT NULL))
);
CREATE UNIQUE INDEX messages_dedup ON messages (dedup);

COMMENT ON TABLE messages IS 'Signed POSTs from Attio, each once; and what was made up for those that never arrived.';
COMMENT ON COLUMN messages.id IS 'UUIDv7, made on arrival.';
COMMENT ON COLUMN messages.dedup IS 'SHA-256 of source, webhook_id and key; for quarantined ones of the body''s hash too; for those of reconcile of what changed and when. The one thing that decides whether a message is new.';
COMMENT ON COLUMN messages.source IS 'The configured source it came to; for those of reconcile the first one, for alerts the word alerts.';
COMMENT ON COLUMN messages.webhook_id IS 'webhook_id of the envelope; null when there was none.';
COMMENT ON COLUMN messages.key IS 'The Idempotency-Key header''s bytes, or the body''s event_id; null when there was neither.';
COMMENT ON COLUMN messages.received_at IS 'When its head arrived, or when reconcile made it, by the process''s clock.';
COMMENT ON COLUMN messages.status IS 'accepted, or quarantined: signed, but unreadable, or a known key with other JSON.';
COMMENT ON COLUMN messages.reason IS 'Why it is quarantined.';
COMMENT ON COLUMN messages.body IS 'The bytes that were signed; for those of reconcile the same form, made here. Empty once they were removed: see body_digest.';
COMMENT ON COLUMN messages.origin IS 'attio: sent by it, with a signature; reconcile: made here, because nothing was heard of a change; alert: made here, to tell of trouble.';

COMMENT ON COLUMN messages.body_digest IS 'SHA-256 of the JSON that the body said, whatever its spelling, once the body was removed: later copies are compared with it. Null while the body is there.';
COMMENT ON COLUMN messages.released IS 'One of its events, where those were not made on arrival, but when it was released from quarantine.';

CREATE TABLE events (
    id           uuid     NOT NULL PRIMARY KEY,
    message_id   uuid     NOT NULL,
    type         text     NOT NULL,
    actor_type   text,
    actor_id     text,
    workspace_id text,
    object_id    text,
    record_id    text,
    list_id      text,
    entry_id     text,
    attribute_id text,
    body_start   tally    NOT NULL,
    body_length  extent   NOT NULL
);

COMMENT ON TABLE events IS 'Things that happened in Attio: 0 to n for each message. Texts are cut at 256 characters, U+0000 replaced.';
COMMENT ON COLUMN events.id IS 'UUIDv7, made on arrival; links logs, deliveries and what destinations were sent.';
COMMENT ON COLUMN events.message_id IS 'The message that told of it.';
COMMENT ON COLUMN events.type IS 'event_type, such as record.updated.';
COMMENT ON COLUMN events.actor_type IS 'workspace-member, api-token, system, app, or newer; null when not told.';
COMMENT ON COLUMN events.actor_id IS 'Id of the actor; null for system.';
COMMENT ON COLUMN events.workspace_id IS 'The workspace it happened in.';
COMMENT ON COLUMN events.object_id IS 'The object of its subject.';
COMMENT ON COLUMN events.record_id IS 'The record of its subject.';
COMMENT ON COLUMN events.list_id IS 'The list of its subject.';
COMMENT ON COLUMN events.entry_id IS 'The list entry of its subject.';
COMMENT ON COLUMN events.attribute_id IS 'The attribute that changed, where the event names one.';
COMMENT ON COLUMN events.body_start IS 'Where its JSON starts in messages.body, in bytes from 0.';
COMMENT ON COLUMN events.body_length IS 'How long its JSON is, in bytes.';

CREATE TABLE deliveries (
    id              uuid        NOT NULL PRIMARY KEY,
    seq             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    event_id        uuid        NOT NULL,
    route           text        NOT NULL,
    action          text        NOT NULL,
    state           delivery_state NOT NULL DEFAULT 'open',
    held            delivery_hold,
    due_at          timestamptz NOT NULL,
    owner           uuid,
    lease_no        tally       NOT NULL DEFAULT 0,
    lost            tally       NOT NULL DEFAULT 0,
    tries           tally       NOT NULL DEFAULT 0,
    order_key       bytea,
    idempotency_key uuid        NOT NULL,
    ended_at        timestamptz,
    reason          text,
    debounce_key    bytea,
    merged_into     uuid,
    replay_of       uuid,
    replayed_by     uuid,
    -- One CHECK for all that an open row and an ended row may say: each one costs anew.
    CONSTRAINT says_one_thing CHECK (
        CASE WHEN state = 'open'
             THEN ended_at IS NULL
                  AND (owner IS NULL OR (held IS NULL AND lease_no > 0))
                  AND (held IS NULL OR held <> 'order' OR order_key IS NOT NULL)
                  AND replayed_by IS NULL
             ELSE ended_at IS NOT NULL AND owner IS NULL AND held IS NULL
                  AND (state = 'succeeded' OR reason IS NOT NULL)
        END)
) WITH (
    -- A queue: most rows change twice soon after they were written. Vacuum by count of changed
    -- rows, early and without pauses, so that the head of the claim's indexes stays clean.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_vacuum_cost_delay = 0
);
-- Each open row that may be claimed is in exactly one of these two: first attempts, and the others.
CREATE INDEX deliveries_first ON deliveries (action, due_at)
    WHERE ended_at IS NULL AND held IS NULL AND tries = 0;
CREATE INDEX deliveries_again ON deliveries (action, due_at)
    WHERE ended_at IS NULL AND held IS NULL AND tries > 0;
CREATE INDEX deliveries_held ON deliveries (held, order_key, seq) WHERE held IS NOT NULL;
CREATE INDEX deliveries_paused ON deliveries (route, seq) WHERE held = 'paused';
-- Newest first, for lists; its action is with it, for counting.
CREATE INDEX deliveries_dead ON deliveries (id, action) WHERE state = 'dead';
-- Debounced ones only: others are in neither.
CREATE INDEX deliveries_debounced ON deliveries (debounce_key, seq)
    WHERE debounce_key IS NOT NULL AND ended_at IS NULL;
CREATE INDEX deliveries_merged ON deliveries (merged_into) WHERE merged_into IS NOT NULL;

COMMENT ON TABLE deliveries IS 'One event for one action of one route.';
COMMENT ON COLUMN deliveries.id IS 'UUIDv7, made on arrival.';
COMMENT ON COLUMN deliveries.seq IS 'The order of arrival; decides who goes first among those of one order_key.';
COMMENT ON COLUMN deliveries.event_id IS 'The event.';
COMMENT ON COLUMN deliveries.route IS 'The route that wanted it.';
COMMENT ON COLUMN deliveries.action IS 'The action that performs it.';
COMMENT ON COLUMN deliveries.state IS 'open until it ended: succeeded, skipped (the route did not want it after all), dead (without success), discarded (by a person).';
COMMENT ON COLUMN deliveries.held IS 'Why it may not be claimed: order (an earlier one of its order_key is open) orphaned (its route is configured no longer, or asks for what Attio does not have) or paused (its route is paused).';
COMMENT ON COLUMN deliveries.due_at IS 'May be claimed from then on: when a waiting one may run, and when a leased one is free again.';
COMMENT ON COLUMN deliveries.owner IS 'The process that it is leased to.';
COMMENT ON COLUMN deliveries.lease_no IS 'Rises with every claim or leased birth; an outcome counts only under the lease it was performed in.';
COMMENT ON COLUMN deliveries.lost IS 'Leases lost in a row: whoever held them never told what became of the attempt.';
COMMENT ON COLUMN deliveries.tries IS 'Attempts that were made and told of.';
COMMENT ON COLUMN deliveries.order_key IS 'SHA-256 of route, action and record or entry; null when order does not matter.';
COMMENT ON COLUMN deliveries.idempotency_key IS 'Sent with every attempt; its own id, but for the replay of a dead one.';
COMMENT ON COLUMN deliveries.ended_at IS 'When it ended; null while open.';
COMMENT ON COLUMN deliveries.reason IS 'Why it ended skipped, dead or discarded; of an open one, what its route asks for and Attio does not have.';
COMMENT ON COLUMN deliveries.debounce_key IS 'SHA-256 of route, action and entry or record: those with the same one are merged while they wait. Null when it does not wait; replays have none.';
COMMENT ON COLUMN deliveries.merged_into IS 'The later delivery that carries what this one tells of; its own id when it was the last of its kind and went itself. Null until that was decided.';
COMMENT ON COLUMN deliveries.replay_of IS 'The ended delivery that this one does again; null when an event caused it.';
COMMENT ON COLUMN deliveries.replayed_by IS 'The delivery that does this one again. Each is replayed once; after that, its replay may be.';

CREATE TABLE pauses (
    kind   pause_kind  NOT NULL,
    name   text        NOT NULL,
    since  timestamptz NOT NULL,
    by     text        NOT NULL,
    reason text        NOT NULL,
    PRIMARY KEY (kind, name)
);

COMMENT ON TABLE pauses IS 'Actions and routes whose deliveries wait. Every process looks here about once a second.';
COMMENT ON COLUMN pauses.kind IS 'action or route.';
COMMENT ON COLUMN pauses.name IS 'The name of the action or route.';
COMMENT ON COLUMN pauses.since IS 'Since when.';
COMMENT ON COLUMN pauses.by IS 'Who paused it: a person, or what the relay met (410: the destination said that it is gone; loop).';
COMMENT ON COLUMN pauses.reason IS 'Why; empty when nobody said.';

CREATE TABLE acts (
    id      uuid        NOT NULL PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text        NOT NULL,
    what    text        NOT NULL,
    details text        NOT NULL,
    changed bigint      NOT NULL CHECK (changed >= 0)
);

COMMENT ON TABLE acts IS 'Who did what: replays, discards, pauses, releases.';
COMMENT ON COLUMN acts.id IS 'UUIDv7, made when it began.';
COMMENT ON COLUMN acts.at IS 'When its first change was written.';
COMMENT ON COLUMN acts.who IS 'user@host of a command, or the relay itself.';
COMMENT ON COLUMN acts.what IS 'replay, send, discard, pause, resume or release.';
COMMENT ON COLUMN acts.details IS 'What was asked for, in JSON.';
COMMENT ON COLUMN acts.changed IS 'How many it has changed, counted with each change: less than was asked for when it was interrupted.';

CREATE TABLE order_keys (
    key     bytea  NOT NULL PRIMARY KEY,
    pending bigint NOT NULL CHECK (pending >= 0)
);

COMMENT ON TABLE order_keys IS 'Keys that have open ordered deliveries. The row''s lock makes arrival and ending of one key take turns.';
COMMENT ON COLUMN order_keys.key IS 'deliveries.order_key.';
COMMENT ON COLUMN order_keys.pending IS 'Open deliveries of the key; all but one of them are held.';

CREATE TABLE attempts (
    delivery_id uuid        NOT NULL,
    lease_no    integer     NOT NULL,
    number      extent      NOT NULL,
    started_at  timestamptz,
    duration_us bigint      CHECK (duration_us >= 0),
    result      attempt_result NOT NULL,
    status      integer,
    error       text,
    answer      bytea       CHECK (octet_length(answer) <= 4096),
    PRIMARY KEY (delivery_id, lease_no),
    CONSTRAINT lost_knows_no_times
        CHECK ((result = 'lease_lost') = (started_at IS NULL AND duration_us IS NULL))
);

COMMENT ON TABLE attempts IS 'Every recorded try of a delivery, and every lease that was lost.';
COMMENT ON COLUMN attempts.delivery_id IS 'The delivery.';
COMMENT ON COLUMN attempts.lease_no IS 'The lease it was made under; there is at most one for each.';
COMMENT ON COLUMN attempts.number IS '1 for the first; what the destination was told. After a lost lease the number is used again.';
COMMENT ON COLUMN attempts.started_at IS 'When it started; null when the lease was lost.';
COMMENT ON COLUMN attempts.duration_us IS 'How long it took, in microseconds; null when the lease was lost.';
COMMENT ON COLUMN attempts.result IS 'succeeded; failed or timeout (may be tried again); refused (will not); cut_off (by a stop, costs no try); lease_lost (its process died or slept, its end is not known).';
COMMENT ON COLUMN attempts.status IS 'The HTTP status of the answer, where there was one.';
COMMENT ON COLUMN attempts.error IS 'What went wrong; known secrets masked.';
COMMENT ON COLUMN attempts.answer IS 'The first 4 KiB of a failed answer; known secrets masked.';

CREATE TABLE snapshots (
    event_id     uuid          NOT NULL,
    kind         snapshot_kind NOT NULL,
    looked_up_at timestamptz   NOT NULL,
    value        bytea         NOT NULL,
    PRIMARY KEY (event_id, kind)
);

COMMENT ON TABLE snapshots IS 'What was looked up in Attio for an event; the first one stays, so that all routes and tries see the same.';
COMMENT ON COLUMN snapshots.event_id IS 'The event that it was looked up for.';
COMMENT ON COLUMN snapshots.kind IS 'What it is: record, entry (of a list), previous (as it was before the change), actor, workspace, note, task, comment, meeting.';
COMMENT ON COLUMN snapshots.looked_up_at IS 'When the look-up started, by the process''s clock.';
COMMENT ON COLUMN snapshots.value IS 'JSON, made plain; null when it is not there any more.';

CREATE TABLE catalogs (
    workspace text        NOT NULL PRIMARY KEY,
    learnt_at timestamptz NOT NULL,
    value     bytea       NOT NULL
);

COMMENT ON TABLE catalogs IS 'What workspaces call their objects, lists and attributes, so that a restart needs no Attio.';
COMMENT ON COLUMN catalogs.workspace IS 'The workspace''s id.';
COMMENT ON COLUMN catalogs.learnt_at IS 'When Attio was asked, by the process''s clock; the newest one stays.';
COMMENT ON COLUMN catalogs.value IS 'JSON: the names, and whose token they were learnt with.';

CREATE TABLE turns (
    task   text        NOT NULL PRIMARY KEY,
    due_at timestamptz NOT NULL,
    owner  uuid
);

COMMENT ON TABLE turns IS 'Work that one process of the fleet does now and then.';
COMMENT ON COLUMN turns.task IS 'What is to be done, such as reconcile.';
COMMENT ON COLUMN turns.due_at IS 'Whoever comes first may begin from then on: when the next turn starts, and when one that was begun and not ended is free again.';
COMMENT ON COLUMN turns.owner IS 'The process that is at it; null between two turns.';

CREATE DOMAIN tally_result AS text
    CHECK (VALUE IN ('succeeded', 'failed', 'skipped', 'dead', 'discarded'));

CREATE TABLE tallies (
    bucket timestamptz  NOT NULL,
    route  text         NOT NULL,
    action text         NOT NULL,
    result tally_result NOT NULL,
    count  bigint       NOT NULL CHECK (count > 0),
    PRIMARY KEY (bucket, route, action, result)
);

COMMENT ON TABLE tallies IS 'What became of deliveries, counted by quarters of an hour. Processes add what they have counted every few seconds; what one had counted and not yet added when it was killed is missing.';
COMMENT ON COLUMN tallies.bucket IS 'When the quarter of an hour began.';
COMMENT ON COLUMN tallies.route IS 'deliveries.route.';
COMMENT ON COLUMN tallies.action IS 'deliveries.action.';
COMMENT ON COLUMN tallies.result IS 'succeeded, skipped, dead or discarded: deliveries that ended so; failed: attempts that are made again.';
COMMENT ON COLUMN tallies.count IS 'How many.';

CREATE TABLE standings (
    route         text NOT NULL,
    action        text NOT NULL,
    last_success  timestamptz,
    last_failure  timestamptz,
    last_error    text,
    failing_since timestamptz,
    PRIMARY KEY (route, action)
);

COMMENT ON TABLE standings IS 'How the deliveries of each route to each action fared last.';
COMMENT ON COLUMN standings.route IS 'deliveries.route.';
COMMENT ON COLUMN standings.action IS 'deliveries.action.';
COMMENT ON COLUMN standings.last_success IS 'When one succeeded last.';
COMMENT ON COLUMN standings.last_failure IS 'When an attempt failed, or one died, last.';
COMMENT ON COLUMN standings.last_error IS 'What went wrong then; known secrets masked.';
COMMENT ON COLUMN standings.failing_since IS 'The first failure after the last success; null when nothing failed since.';

-- Rows are removed all the time from the old end of these tables. By default a fifth of a table
-- would have to be dead before its room is used again; of 40 million rows that are 8 million. Not
-- earlier than this, because each vacuum reads the indexes whole; with the usual pauses, because it
-- is in no hurry. (deliveries has settings of its own: its rows change before they go.)
ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.03);
ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0.03);
ALTER TABLE attempts SET (autovacuum_vacuum_scale_factor = 0.03);
ALTER TABLE snapshots SET (autovacuum_vacuum_scale_factor = 0.03);

-- Alerts: what is wrong, who saw it, and who is still to be told.

CREATE TABLE alerts (
    what        text        NOT NULL,
    about       text        NOT NULL,
    since       timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    count       bigint      NOT NULL CHECK (count >= 0),
    detail      text        NOT NULL,
    told_at     timestamptz,
    ended_at    timestamptz,
    end_told_at timestamptz,
    again       tally       NOT NULL DEFAULT 0,
    PRIMARY KEY (what, about),
    CONSTRAINT over_before_it_is_told CHECK (end_told_at IS NULL OR ended_at IS NOT NULL)
);

COMMENT ON TABLE alerts IS 'What is or was wrong, each thing once. One process of the fleet writes it, in the transaction that also writes the messages that tell of it.';
COMMENT ON COLUMN alerts.what IS 'The kind, such as breaker_open.';
COMMENT ON COLUMN alerts.about IS 'What it is about: action/NAME, source/NAME or route/NAME; empty for the program itself.';
COMMENT ON COLUMN alerts.since IS 'When it was first seen.';
COMMENT ON COLUMN alerts.seen_at IS 'When it was last seen.';
COMMENT ON COLUMN alerts.count IS 'How many or how long in seconds, where the kind counts something.';
COMMENT ON COLUMN alerts.detail IS 'What is known of it; holds no secret.';
COMMENT ON COLUMN alerts.told_at IS 'When the message that it began was written; null while it is still to be told.';
COMMENT ON COLUMN alerts.ended_at IS 'When it had not been seen for long enough; null while it goes on.';
COMMENT ON COLUMN alerts.end_told_at IS 'When the message that it is over was written; null while that is still to be told.';
COMMENT ON COLUMN alerts.again IS 'How often it came back within an hour; the more often, the longer it must be gone to be over.';

CREATE TABLE sights (
    process    uuid        NOT NULL,
    what       text        NOT NULL,
    about      text        NOT NULL,
    count      bigint      NOT NULL CHECK (count >= 0),
    detail     text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (process, what, about)
);

COMMENT ON TABLE sights IS 'What only one process sees, such as an open breaker. It goes on saying so; what it says no more, expires.';
COMMENT ON COLUMN sights.process IS 'The process.';
COMMENT ON COLUMN sights.what IS 'As in alerts.';
COMMENT ON COLUMN sights.about IS 'As in alerts.';
COMMENT ON COLUMN sights.count IS 'How many, where the kind counts something; added up over the processes.';
COMMENT ON COLUMN sights.detail IS 'What is known of it; holds no secret.';
COMMENT ON COLUMN sights.expires_at IS 'Counts no more from then on.';

CREATE TABLE streaks (
    action   text   NOT NULL PRIMARY KEY,
    failures bigint NOT NULL CHECK (failures >= 0),
    error    text   NOT NULL
);

COMMENT ON TABLE streaks IS 'How each action fares, over all processes.';
COMMENT ON COLUMN streaks.action IS 'The action.';
COMMENT ON COLUMN streaks.failures IS 'Attempts that failed since the last one that succeeded.';
COMMENT ON COLUMN streaks.error IS 'What the last failed one met; known secrets masked. Empty when none failed.';

CREATE TABLE arrivals (
    source  text        NOT NULL,
    hour    bigint      NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (source, hour)
);

COMMENT ON TABLE arrivals IS 'The hours in which something was received: the rhythm that a silence is held against.';
COMMENT ON COLUMN arrivals.source IS 'The source.';
COMMENT ON COLUMN arrivals.hour IS 'Whole hours since 1970, UTC; 0 where nothing came yet, and last_at is since when something is waited for.';
COMMENT ON COLUMN arrivals.last_at IS 'When the last message of that hour came, give or take a few seconds.';

CREATE TABLE tellings (
    delivery_id uuid        NOT NULL PRIMARY KEY,
    action      text        NOT NULL,
    made_at     timestamptz NOT NULL,
    counted     boolean     NOT NULL DEFAULT false
);

COMMENT ON TABLE tellings IS 'Deliveries of alerts that have not arrived yet, so that an alert that cannot be sent is seen.';
COMMENT ON COLUMN tellings.delivery_id IS 'The delivery, or the one that does it again.';
COMMENT ON COLUMN tellings.action IS 'Its action.';
COMMENT ON COLUMN tellings.made_at IS 'When it was made.';
COMMENT ON COLUMN tellings.counted IS 'It ended without success, and that was counted.';

-- What the statements of the hot paths take: one array of rows each. An array for each column would
-- cost a function call and a buffer for each, about a third of a statement for one message.

CREATE TYPE new_message AS (
    id uuid, dedup bytea, source text, webhook_id text, key bytea, received_at timestamptz,
    reason text, body bytea
);
COMMENT ON TYPE new_message IS 'A message to be recorded; as in messages.';

CREATE TYPE new_event AS (
    id uuid, message_id uuid, type text, actor_type text, actor_id text, workspace_id text,
    object_id text, record_id text, list_id text, entry_id text, attribute_id text,
    body_start integer, body_length integer
);
COMMENT ON TYPE new_event IS 'An event to be recorded; as in events.';

CREATE TYPE new_delivery AS (
    id uuid, message_id uuid, event_id uuid, route text, action text, order_key bytea,
    lease_us bigint, delay_us bigint, debounce_key bytea
);
COMMENT ON TYPE new_delivery IS 'A delivery to be recorded; born leased for so many microseconds, or due after so many, or now where both are null.';

CREATE TYPE outcome AS (
    id uuid, lease_no integer, state text, held text, wait_us bigint, reason text, tried integer,
    number integer, ago_us bigint, duration_us bigint, result text, status integer, error text,
    answer bytea
);
COMMENT ON TYPE outcome IS 'What became of a claimed delivery, and the attempt that was made, where one was.';
