//! How soon messages are answered beside five million old events, and while those are removed.

use std::{sync::Arc, time::Duration};

use anyhow::ensure;

use super::{Bench, all_accepted};
use crate::{
    message::Messages,
    paced::{Schedule, paced},
    relay::{Relay, Setup},
    sink::Sink,
    tally::Tally,
};

/// Messages a second.
const RATE: u32 = 500;

/// Five million messages with an event and a succeeded delivery each, a millisecond apart, of
/// November 2023. One statement for each part, so that they are written side by side in turns.
const PARTS: u32 = 10;
const OF_EACH: u32 = 500_000;

pub fn retention(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let kept = Setup { retention: "36500d", ..bench.delivering(&sink)? };
    // Makes the tables.
    Relay::start(&kept)?.server.stop()?;
    for part in 0..PARTS {
        bench.postgres.run(&fill(part * OF_EACH + 1, (part + 1) * OF_EACH))?;
    }
    bench.postgres.run("VACUUM (ANALYZE)")?;
    bench.postgres.run("CHECKPOINT")?;
    let idle = measure(bench, &kept)?;
    let before = old(bench)?;
    ensure!(before == i64::from(PARTS * OF_EACH), "{before} old events are there");
    // The one that kept them has just had its turn: the next would come after this measurement.
    bench.postgres.run("DELETE FROM turns WHERE task = 'retention'")?;
    let at_work = measure(bench, &Setup { retention: "30d", ..kept })?;
    let removed = before - old(bench)?;
    ensure!(removed > 0, "nothing was removed");
    bench.samples.note("kept p50", idle.percentile(200, 0.50));
    bench.samples.note("kept p99", idle.percentile(200, 0.99));
    bench.samples.note("removing p50", at_work.percentile(200, 0.50));
    bench.samples.note("removing p99", at_work.percentile(200, 0.99));
    // Reached while warming up, too.
    let took = 4 * bench.time + Duration::from_secs(1);
    bench.samples.note("removed", super::per_second(removed.unsigned_abs(), took));
    Ok(())
}

/// Four times as long as other measurements: at this rate a percentile needs it.
fn measure(bench: &Bench, setup: &Setup) -> anyhow::Result<Tally> {
    let relay = Relay::start(setup)?;
    let messages = Arc::new(Messages::samples()?);
    let warm_up = Arc::new(Schedule::new(&messages, RATE));
    paced(relay.address, &messages, &warm_up, Duration::from_secs(1))?;
    let schedule = Arc::new(Schedule::new(&messages, RATE));
    let tally = paced(relay.address, &messages, &schedule, bench.time * 4)?;
    all_accepted(&tally)?;
    relay.server.stop()?;
    Ok(tally)
}

fn old(bench: &Bench) -> anyhow::Result<i64> {
    bench
        .postgres
        .number("SELECT count(*) FROM events WHERE id < '018d0000-0000-7000-8000-000000000000'")
}

fn fill(first: u32, last: u32) -> String {
    let id = |kind: u8| {
        let moment = "lpad(to_hex(1700000000000 + n), 12, '0')";
        format!(
            "(substr({moment}, 1, 8) || '-' || substr({moment}, 9) || '-7000-800{kind}-' ||
              lpad(n::text, 12, '0'))::uuid"
        )
    };
    let (message, event, delivery) = (id(1), id(2), id(3));
    let moment = "to_timestamp(1700000000 + n / 1000.0)";
    let numbers = format!("generate_series({first}, {last}) n");
    format!(
        "INSERT INTO messages (id, dedup, source, received_at, status, body)
         SELECT {message}, sha256(n::text::bytea), 'bench', {moment}, 'accepted',
                repeat('x', 400)::bytea FROM {numbers};
         INSERT INTO events (id, message_id, type, object_id, record_id, body_start, body_length)
         SELECT {event}, {message}, 'record.updated', 'deals', 'usual', 0, 400 FROM {numbers};
         INSERT INTO deliveries (id, event_id, route, action, idempotency_key, due_at, state,
                                 ended_at, tries)
         SELECT {delivery}, {event}, 'route-0', 'sink-0', {delivery}, {moment}, 'succeeded',
                {moment}, 1 FROM {numbers};
         INSERT INTO attempts (delivery_id, lease_no, number, started_at, duration_us, result)
         SELECT {delivery}, 1, 1, {moment}, 900, 'succeeded' FROM {numbers}"
    )
}
