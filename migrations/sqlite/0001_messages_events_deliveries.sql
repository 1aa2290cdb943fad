-- What was received, what it says happened, and what is done about it.
--
-- The meaning is that of migrations/postgres; only the types differ. Ids are hyphenated UUIDs, times
-- microseconds since 1970-01-01T00:00:00Z. No foreign keys, as in Postgres.

-- Signed POSTs from Attio, each once; and what was made up for those that never arrived.
CREATE TABLE messages (
    id          TEXT    NOT NULL PRIMARY KEY, -- UUIDv7, made on arrival.
    dedup       BLOB    NOT NULL, -- SHA-256 of source, webhook_id and key; for quarantined ones of the body's hash too; for those of reconcile of what changed and when. The one thing that decides whether a message is new.
    source      TEXT    NOT NULL, -- The configured source it came to; for those of reconcile the first one, for alerts the word alerts.
    webhook_id  TEXT, -- webhook_id of the envelope; null when there was none.
    key         BLOB, -- The Idempotency-Key header's bytes, or the body's event_id; null when there was neither.
    received_at INTEGER NOT NULL, -- When its head arrived, or when reconcile made it, by the process's clock.
    status      TEXT    NOT NULL CHECK (status IN ('accepted', 'quarantined')), -- accepted, or quarantined: signed, but unreadable, or a known key with other JSON.
    reason      TEXT, -- Why it is quarantined.
    body        BLOB    NOT NULL, -- The bytes that were signed; for those of reconcile the same form, made here. Empty once they were removed: see body_digest.
    origin      TEXT    NOT NULL DEFAULT 'attio' CHECK (origin IN ('attio', 'reconcile', 'alert')), -- attio: sent by it, with a signature; reconcile: made here, because nothing was heard of a change; alert: made here, to tell of trouble.
    body_digest BLOB, -- SHA-256 of the JSON that the body said, whatever its spelling, once the body was removed: later copies are compared with it. Null while the body is there.
    released    TEXT, -- One of its events, where those were not made on arrival, but when it was released from quarantine.
    CONSTRAINT dedup_is_a_hash CHECK (octet_length(dedup) = 32),
    CONSTRAINT quarantined_says_why CHECK ((status = 'quarantined') = (reason IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX messages_dedup ON messages (dedup);

-- Things that happened in Attio: 0 to n for each message. Texts are cut at 256 characters, U+0000 replaced.
CREATE TABLE events (
    id           TEXT    NOT NULL PRIMARY KEY, -- UUIDv7, made on arrival; links logs, deliveries and what destinations were sent.
    message_id   TEXT    NOT NULL, -- The message that told of it.
    type         TEXT    NOT NULL, -- event_type, such as record.updated.
    actor_type   TEXT, -- workspace-member, api-token, system, app, or newer; null when not told.
    actor_id     TEXT, -- Id of the actor; null for system.
    workspace_id TEXT, -- The workspace it happened in.
    object_id    TEXT, -- The object of its subject.
    record_id    TEXT, -- The record of its subject.
    list_id      TEXT, -- The list of its subject.
    entry_id     TEXT, -- The list entry of its subject.
    attribute_id TEXT, -- The attribute that changed, where the event names one.
    body_start   INTEGER NOT NULL, -- Where its JSON starts in messages.body, in bytes from 0.
    body_length  INTEGER NOT NULL, -- How long its JSON is, in bytes.
    CONSTRAINT lies_in_the_body CHECK (body_start >= 0 AND body_length > 0)
) STRICT;

-- One event for one action of one route.
CREATE TABLE deliveries (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT, -- The order of arrival; decides who goes first among those of one order_key.
    id              TEXT    NOT NULL UNIQUE, -- UUIDv7, made on arrival.
    event_id        TEXT    NOT NULL, -- The event.
    route           TEXT    NOT NULL, -- The route that wanted it.
    action          TEXT    NOT NULL, -- The action that performs it.
    state           TEXT    NOT NULL DEFAULT 'open' -- open until it ended: succeeded, skipped (the route did not want it after all), dead (without success), discarded (by a person).
                    CHECK (state IN ('open', 'succeeded', 'skipped', 'dead', 'discarded')),
    held            TEXT    CHECK (held IN ('order', 'orphaned', 'paused')), -- Why it may not be claimed: order (an earlier one of its order_key is open), orphaned (its route is configured no longer, or asks for what Attio does not have) or paused (its route is paused).
    due_at          INTEGER NOT NULL, -- May be claimed from then on: when a waiting one may run, and when a leased one is free again.
    owner           TEXT, -- The process that it is leased to.
    lease_no        INTEGER NOT NULL DEFAULT 0 CHECK (lease_no >= 0), -- Rises with every claim or leased birth; an outcome counts only under the lease it was performed in.
    lost            INTEGER NOT NULL DEFAULT 0 CHECK (lost >= 0), -- Leases lost in a row: whoever held them never told what became of the attempt.
    tries           INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0), -- Attempts that were made and told of.
    order_key       BLOB, -- SHA-256 of route, action and record or entry; null when order does not matter.
    idempotency_key TEXT    NOT NULL, -- Sent with every attempt; its own id, but for the replay of a dead one.
    ended_at        INTEGER, -- When it ended; null while open.
    reason          TEXT, -- Why it ended skipped, dead or discarded; of an open one, what its route asks for and Attio does not have.
    debounce_key    BLOB, -- SHA-256 of route, action and entry or record: those with the same one are merged while they wait. Null when it does not wait; replays have none.
    merged_into     TEXT, -- The later delivery that carries what this one tells of; its own id when it was the last of its kind and went itself. Null until that was decided.
    replay_of       TEXT, -- The ended delivery that this one does again; null when an event caused it.
    replayed_by     TEXT, -- The delivery that does this one again. Each is replayed once; after that, its replay may be.
    CONSTRAINT ended_says_when CHECK ((state = 'open') = (ended_at IS NULL)),
    CONSTRAINT ended_is_nobodys CHECK (state = 'open' OR (owner IS NULL AND held IS NULL)),
    CONSTRAINT held_is_nobodys CHECK (held IS NULL OR owner IS NULL),
    CONSTRAINT held_for_order_has_a_key CHECK (held IS NOT 'order' OR order_key IS NOT NULL),
    CONSTRAINT replayed_has_ended CHECK (replayed_by IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT leased_has_a_number CHECK (owner IS NULL OR lease_no > 0),
    CONSTRAINT failed_says_why CHECK (state NOT IN ('skipped', 'dead', 'discarded') OR reason IS NOT NULL)
) STRICT;
-- Each open row that may be claimed is in exactly one of these two: first attempts, and the others.
CREATE INDEX deliveries_first ON deliveries (action, due_at)
    WHERE ended_at IS NULL AND held IS NULL AND tries = 0;
CREATE INDEX deliveries_again ON deliveries (action, due_at)
    WHERE ended_at IS NULL AND held IS NULL AND tries > 0;
CREATE INDEX deliveries_held ON deliveries (order_key, seq) WHERE held = 'order';
CREATE INDEX deliveries_orphaned ON deliveries (route) WHERE held = 'orphaned';
CREATE INDEX deliveries_paused ON deliveries (route, seq) WHERE held = 'paused';
-- Newest first, for lists; what counting needs is with it.
CREATE INDEX deliveries_dead ON deliveries (id, action, replayed_by) WHERE state = 'dead';
-- Debounced ones only: others are in neither.
CREATE INDEX deliveries_debounced ON deliveries (debounce_key, seq)
    WHERE debounce_key IS NOT NULL AND ended_at IS NULL;
CREATE INDEX deliveries_merged ON deliveries (merged_into) WHERE merged_into IS NOT NULL;

-- Actions and routes whose deliveries wait. The relay looks here about once a second.
CREATE TABLE pauses (
    kind   TEXT    NOT NULL CHECK (kind IN ('action', 'route')), -- action or route.
    name   TEXT    NOT NULL, -- The name of the action or route.
    since  INTEGER NOT NULL, -- Since when.
    by     TEXT    NOT NULL, -- Who paused it: a person, or what the relay met (410: the destination said that it is gone; loop).
    reason TEXT    NOT NULL, -- Why; empty when nobody said.
    PRIMARY KEY (kind, name)
) STRICT;

-- Who did what: replays, discards, pauses, releases.
CREATE TABLE acts (
    id      TEXT    NOT NULL PRIMARY KEY, -- UUIDv7, made when it began.
    at      INTEGER NOT NULL, -- When its first change was written.
    who     TEXT    NOT NULL, -- user@host of a command, or the relay itself.
    what    TEXT    NOT NULL, -- replay, send, discard, pause, resume or release.
    details TEXT    NOT NULL, -- What was asked for, in JSON.
    changed INTEGER NOT NULL CHECK (changed >= 0) -- How many it has changed, counted with each change: less than was asked for when it was interrupted.
) STRICT;

-- Keys that have open ordered deliveries.
CREATE TABLE order_keys (
    key     BLOB    NOT NULL PRIMARY KEY, -- deliveries.order_key.
    pending INTEGER NOT NULL CHECK (pending >= 0) -- Open deliveries of the key; all but one of them are held.
) STRICT, WITHOUT ROWID;

-- Every recorded try of a delivery, and every lease that was lost.
CREATE TABLE attempts (
    delivery_id TEXT    NOT NULL, -- The delivery.
    lease_no    INTEGER NOT NULL, -- The lease it was made under; there is at most one for each.
    number      INTEGER NOT NULL CHECK (number > 0), -- 1 for the first; what the destination was told. After a lost lease the number is used again.
    started_at  INTEGER, -- When it started; null when the lease was lost.
    duration_us INTEGER CHECK (duration_us >= 0), -- How long it took, in microseconds; null when the lease was lost.
    result      TEXT    NOT NULL -- succeeded; failed or timeout (may be tried again); refused (will not); cut_off (by a stop, costs no try); lease_lost (its process died or slept, its end is not known).
                CHECK (result IN ('succeeded', 'failed', 'timeout', 'refused', 'cut_off', 'lease_lost')),
    status      INTEGER, -- The HTTP status of the answer, where there was one.
    error       TEXT, -- What went wrong; known secrets masked.
    answer      BLOB    CHECK (octet_length(answer) <= 4096), -- The first 4 KiB of a failed answer; known secrets masked.
    PRIMARY KEY (delivery_id, lease_no),
    CONSTRAINT lost_knows_no_times
        CHECK ((result = 'lease_lost') = (started_at IS NULL AND duration_us IS NULL))
) STRICT;

-- What was looked up in Attio for an event; the first one stays, so that all routes and tries see the same.
CREATE TABLE snapshots (
    event_id     TEXT    NOT NULL, -- The event that it was looked up for.
    kind         TEXT    NOT NULL -- What it is: record, entry (of a list), previous (as it was before the change), actor, workspace, note, task, comment, meeting.
                 CHECK (kind IN ('record', 'entry', 'previous', 'actor', 'workspace', 'note', 'task', 'comment', 'meeting')),
    looked_up_at INTEGER NOT NULL, -- When the look-up started, by the process's clock.
    value        BLOB    NOT NULL, -- JSON, made plain; null when it is not there any more.
    PRIMARY KEY (event_id, kind)
) STRICT;

-- What workspaces call their objects, lists and attributes, so that a restart needs no Attio.
CREATE TABLE catalogs (
    workspace TEXT    NOT NULL PRIMARY KEY, -- The workspace's id.
    learnt_at INTEGER NOT NULL, -- When Attio was asked, by the process's clock; the newest one stays.
    value     BLOB    NOT NULL -- JSON: the names, and whose token they were learnt with.
) STRICT;

-- Work that one process of the fleet does now and then.
CREATE TABLE turns (
    task   TEXT    NOT NULL PRIMARY KEY, -- What is to be done, such as reconcile.
    due_at INTEGER NOT NULL, -- Whoever comes first may begin from then on: when the next turn starts, and when one that was begun and not ended is free again.
    owner  TEXT -- The process that is at it; null between two turns.
) STRICT;

-- What became of deliveries, counted by quarters of an hour. Processes add what they have counted every few seconds; what one had counted and not yet added when it was killed is missing.
CREATE TABLE tallies (
    bucket INTEGER NOT NULL, -- When the quarter of an hour began.
    route  TEXT    NOT NULL, -- deliveries.route.
    action TEXT    NOT NULL, -- deliveries.action.
    result TEXT    NOT NULL -- succeeded, skipped, dead or discarded: deliveries that ended so; failed: attempts that are made again.
           CHECK (result IN ('succeeded', 'failed', 'skipped', 'dead', 'discarded')),
    count  INTEGER NOT NULL CHECK (count > 0), -- How many.
    PRIMARY KEY (bucket, route, action, result)
) STRICT, WITHOUT ROWID;

-- How the deliveries of each route to each action fared last.
CREATE TABLE standings (
    route         TEXT NOT NULL, -- deliveries.route.
    action        TEXT NOT NULL, -- deliveries.action.
    last_success  INTEGER, -- When one succeeded last.
    last_failure  INTEGER, -- When an attempt failed, or one died, last.
    last_error    TEXT, -- What went wrong then; known secrets masked.
    failing_since INTEGER, -- The first failure after the last success; null when nothing failed since.
    PRIMARY KEY (route, action)
) STRICT, WITHOUT ROWID;

-- Alerts: what is wrong, who saw it, and who is still to be told.

-- What is or was wrong, each thing once. One process of the fleet writes it, in the transaction that also writes the messages that tell of it.
CREATE TABLE alerts (
    what        TEXT    NOT NULL, -- The kind, such as breaker_open.
    about       TEXT    NOT NULL, -- What it is about: action/NAME, source/NAME or route/NAME; empty for the program itself.
    since       INTEGER NOT NULL, -- When it was first seen.
    seen_at     INTEGER NOT NULL, -- When it was last seen.
    count       INTEGER NOT NULL CHECK (count >= 0), -- How many or how long in seconds, where the kind counts something.
    detail      TEXT    NOT NULL, -- What is known of it; holds no secret.
    told_at     INTEGER, -- When the message that it began was written; null while it is still to be told.
    ended_at    INTEGER, -- When it had not been seen for long enough; null while it goes on.
    end_told_at INTEGER, -- When the message that it is over was written; null while that is still to be told.
    again       INTEGER NOT NULL DEFAULT 0 CHECK (again >= 0), -- How often it came back within an hour; the more often, the longer it must be gone to be over.
    PRIMARY KEY (what, about),
    CONSTRAINT over_before_it_is_told CHECK (end_told_at IS NULL OR ended_at IS NOT NULL)
) STRICT;

-- What only one process sees, such as an open breaker. It goes on saying so; what it says no more, expires.
CREATE TABLE sights (
    process     TEXT    NOT NULL, -- The process.
    what        TEXT    NOT NULL, -- As in alerts.
    about       TEXT    NOT NULL, -- As in alerts.
    count       INTEGER NOT NULL CHECK (count >= 0), -- How many, where the kind counts something; added up over the processes.
    detail      TEXT    NOT NULL, -- What is known of it; holds no secret.
    expires_at  INTEGER NOT NULL, -- Counts no more from then on.
    PRIMARY KEY (process, what, about)
) STRICT;

-- How each action fares, over all processes.
CREATE TABLE streaks (
    action      TEXT    NOT NULL PRIMARY KEY, -- The action.
    failures    INTEGER NOT NULL CHECK (failures >= 0), -- Attempts that failed since the last one that succeeded.
    error       TEXT    NOT NULL -- What the last failed one met; known secrets masked. Empty when none failed.
) STRICT;

-- The hours in which something was received: the rhythm that a silence is held against.
CREATE TABLE arrivals (
    source      TEXT    NOT NULL, -- The source.
    hour        INTEGER NOT NULL, -- Whole hours since 1970, UTC; 0 where nothing came yet, and last_at is since when something is waited for.
    last_at     INTEGER NOT NULL, -- When the last message of that hour came, give or take a few seconds.
    PRIMARY KEY (source, hour)
) STRICT;

-- Deliveries of alerts that have not arrived yet, so that an alert that cannot be sent is seen.
CREATE TABLE tellings (
    delivery_id TEXT    NOT NULL PRIMARY KEY, -- The delivery, or the one that does it again.
    action      TEXT    NOT NULL, -- Its action.
    made_at     INTEGER NOT NULL, -- When it was made.
    counted     INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1)) -- It ended without success, and that was counted.
) STRICT;
