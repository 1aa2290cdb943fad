//! How fast and how soon deliveries reach the sink.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::{Bench, CONNECTIONS, all_accepted, mebibytes, per_second};
use crate::{
    load::{Until, closed},
    message::Messages,
    paced::{Schedule, paced},
    process::free_address,
    relay::{Relay, Setup},
    sink::Sink,
};

pub fn deliver(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let relay = Relay::start(&bench.delivering(&sink)?)?;
    let messages = Arc::new(Messages::samples()?);
    closed(relay.address, &messages, CONNECTIONS, Until::Elapsed(Duration::from_secs(1)))?;
    let (before, start) = (sink.deliveries(), Instant::now());
    let tally = closed(relay.address, &messages, CONNECTIONS, Until::Elapsed(bench.time))?;
    let delivered = sink.deliveries() - before;
    bench.samples.note("deliver", per_second(delivered, start.elapsed()));
    bench.samples.note("deliver ingest", tally.rate(200));
    ensure!(sink.strange() == 0, "the sink got {} strange requests", sink.strange());
    relay.server.stop()
}

pub fn drain(bench: &mut Bench) -> anyhow::Result<()> {
    const WAITING: u64 = 50_000;
    let sink = Sink::start()?;
    let setup = bench.waiting(&sink)?;
    let relay = Relay::start(&setup)?;
    let messages = Arc::new(Messages::samples()?);
    all_accepted(&closed(relay.address, &messages, CONNECTIONS, Until::Sent(WAITING))?)?;
    relay.server.stop()?;
    let before = sink.deliveries();
    let relay = Relay::start(&Setup { rate: None, ..setup })?;
    let start = Instant::now();
    // What it delivered before it said that it is ready is not counted, and does not count.
    let early = sink.deliveries();
    ensure!(
        sink.wait_for(WAITING, Duration::from_mins(2)),
        "{} of {WAITING} arrived",
        sink.deliveries()
    );
    let end = sink.last().context("nothing arrived")?;
    bench.samples.note("drain", per_second(WAITING - early, end - start));
    ensure!(before < WAITING / 2, "the limit of one a second did not hold");
    relay.server.stop()
}

pub fn end_to_end(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let relay = Relay::start(&bench.delivering(&sink)?)?;
    let messages = Arc::new(Messages::traced()?);
    all_accepted(&closed(relay.address, &messages, 1, Until::Sent(500))?)?;
    ensure!(sink.wait_for(500, Duration::from_secs(30)), "the warm-up was not delivered");
    let schedule = Arc::new(Schedule::new(&messages, 500));
    sink.trace(Arc::clone(&schedule));
    let tally = paced(relay.address, &messages, &schedule, bench.time)?;
    all_accepted(&tally)?;
    let sent = tally.count(200) as u64 + 500;
    ensure!(
        sink.wait_for(sent, Duration::from_secs(30)),
        "{} of {sent} arrived",
        sink.deliveries()
    );
    bench.samples.note("end to end p50", sink.percentile(0.50));
    bench.samples.note("end to end p99", sink.percentile(0.99));
    relay.server.stop()
}

/// Nobody listens where the deliveries go.
pub fn backlog(bench: &mut Bench) -> anyhow::Result<()> {
    let url = bench.postgres.fresh()?;
    let setup = Setup {
        store: url.into(),
        sink: free_address()?,
        deliveries: 1,
        rate: None,
        retention: "30d",
    };
    let relay = Relay::start(&setup)?;
    let messages = Arc::new(Messages::samples()?);
    all_accepted(&closed(relay.address, &messages, CONNECTIONS, Until::Sent(100_000))?)?;
    thread::sleep(bench.time);
    bench.samples.note("backlog memory", mebibytes(relay.server.peak_memory()?));
    relay.server.stop()
}

/// From the first message sent to the last delivery answered.
pub fn cost(bench: &mut Bench) -> anyhow::Result<()> {
    const SENT: u64 = 20_000;
    for (deliveries, name) in [(0, "with 0"), (1, "with 1"), (3, "with 3")] {
        let sink = Sink::start()?;
        let relay = Relay::start(&Setup { deliveries, ..bench.delivering(&sink)? })?;
        let messages = Arc::new(Messages::samples()?);
        let (relay_before, postgres_before) = (relay.server.cpu()?, bench.postgres.cpu()?);
        let start = Instant::now();
        let tally = closed(relay.address, &messages, CONNECTIONS, Until::Sent(SENT))?;
        all_accepted(&tally)?;
        let expected = SENT * deliveries as u64;
        ensure!(
            sink.wait_for(expected, Duration::from_mins(2)),
            "{} of {expected} arrived",
            sink.deliveries()
        );
        bench.samples.note(name, per_second(SENT, start.elapsed()));
        if deliveries == 1 {
            let of_ten_thousand = |spent: Duration| spent.as_secs_f64() * 10_000.0 / 20_000.0;
            bench.samples.note(
                "relay cpu",
                of_ten_thousand(relay.server.cpu()?.saturating_sub(relay_before)),
            );
            bench.samples.note(
                "postgres cpu",
                of_ten_thousand(bench.postgres.cpu()?.saturating_sub(postgres_before)),
            );
        }
        relay.server.stop()?;
    }
    Ok(())
}
