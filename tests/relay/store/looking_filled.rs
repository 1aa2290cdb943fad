//! A store that many messages went through long ago.

use crate::support::database::Engine;

/// The time in the ids of [`filled`] at number 0.
pub fn first_moment() -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap()
}

/// So many messages with an event and a delivery each, a millisecond apart. Number 1 is about a
/// rare record from a rare source, the delivery of number 2 is dead, that of number 3 is open.
pub fn filled(engine: Engine, count: u64) -> String {
    let (numbers, hex, digest, body, moment, id) = match engine {
        Engine::Postgres => (
            format!("generate_series(1, {count}) n"),
            "lpad(to_hex(1700000000000 + n), 12, '0')",
            "sha256(n::text::bytea)",
            "repeat('x', 300)::bytea",
            "to_timestamp(1700000000 + n / 1000.0)",
            "::uuid",
        ),
        Engine::Sqlite => (
            format!(
                "(WITH RECURSIVE all_of (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM all_of
                  WHERE n < {count}) SELECT n FROM all_of)"
            ),
            "printf('%012x', 1700000000000 + n)",
            "randomblob(32)",
            "zeroblob(300)",
            "(1700000000000 + n) * 1000",
            "",
        ),
    };
    let cast = |text: &str| if id.is_empty() { text.to_owned() } else { format!("({text}){id}") };
    let id = |kind: u8| {
        let text = format!(
            "substr({hex}, 1, 8) || '-' || substr({hex}, 9, 4) || '-7000-800{kind}-' ||
             substr('000000000000' || n, -12)"
        );
        let text = match engine {
            Engine::Sqlite => text,
            Engine::Postgres => {
                text.replace("substr('000000000000' || n, -12)", "lpad(n::text, 12, '0')")
            }
        };
        cast(&text)
    };
    format!(
        "INSERT INTO messages (id, dedup, source, received_at, status, body)
         SELECT {m}, {digest}, CASE n WHEN 1 THEN 'rare' ELSE 'crm' END, {moment}, 'accepted', {body}
         FROM {numbers};
         INSERT INTO events (id, message_id, type, object_id, record_id, body_start, body_length)
         SELECT {e}, {m}, 'record.updated', 'deals', CASE n WHEN 1 THEN 'rare' ELSE 'usual' END, 0, 9
         FROM {numbers};
         INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state,
                                 ended_at, reason, tries)
         SELECT {d}, {e}, 'all', 'billing', {d}, {moment},
                CASE n WHEN 2 THEN 'dead' WHEN 3 THEN 'open' ELSE 'succeeded' END,
                CASE n WHEN 3 THEN NULL ELSE {moment} END,
                CASE n WHEN 2 THEN 'refused' END, 1
         FROM {numbers};
         ANALYZE;",
        m = id(1),
        e = id(2),
        d = id(3),
    )
}
