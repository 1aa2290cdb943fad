//! How fast messages are taken, and how soon answered.

use std::sync::Arc;

use anyhow::ensure;
use url::Url;

use super::{Bench, mebibytes};
use crate::{
    load::flood,
    message::Messages,
    proxy::Proxy,
    relay::{Relay, Setup, start_own},
    sink::Sink,
};

/// Connections of the flood: more than the relay lets wait, so that it has to refuse.
const FLOOD_CONNECTIONS: usize = 3000;

pub fn floor(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, address) = start_own(&["floor"], folder.path())?;
    let rate = bench.full_speed(address)?;
    bench.samples.note("floor", rate);
    Ok(())
}

pub fn naive(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = bench.postgres.fresh()?;
    let (_server, address) = start_own(&["naive", url.as_str()], folder.path())?;
    let rate = bench.full_speed(address)?;
    bench.samples.note("naive", rate);
    Ok(())
}

/// The action takes one a second: the rows of the deliveries are written, and wait.
pub fn ingest(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let setup = bench.waiting(&sink)?;
    let relay = Relay::start(&setup)?;
    let rate = bench.full_speed(relay.address)?;
    bench.samples.note("ingest", rate);
    bench.samples.note("ingest memory", mebibytes(relay.server.peak_memory()?));
    relay.server.stop()
}

pub fn sqlite(bench: &mut Bench) -> anyhow::Result<()> {
    let (sink, folder) = (Sink::start()?, tempfile::tempdir()?);
    let store = format!("sqlite:{}", folder.path().join("bench.db").display());
    let setup = Setup { store, ..bench.waiting(&sink)? };
    let relay = Relay::start(&setup)?;
    let rate = bench.full_speed(relay.address)?;
    bench.samples.note("sqlite", rate);
    relay.server.stop()
}

/// Beside the naive receiver, too: what of the time is the database's, and the disk's below it.
pub fn latency(bench: &mut Bench) -> anyhow::Result<()> {
    let (sink, folder) = (Sink::start()?, tempfile::tempdir()?);
    let (server, address) = start_own(&["floor"], folder.path())?;
    let floor = bench.at_2000(address)?;
    drop(server);
    let url = bench.postgres.fresh()?;
    let (server, address) = start_own(&["naive", url.as_str()], folder.path())?;
    let naive = bench.at_2000(address)?;
    drop(server);
    let relay = Relay::start(&bench.waiting(&sink)?)?;
    let durable = bench.at_2000(relay.address)?;
    for (tally, p50, p99) in [
        (&floor, "floor p50", "floor p99"),
        (&naive, "naive p50", "naive p99"),
        (&durable, "p50", "p99"),
    ] {
        bench.samples.note(p50, tally.percentile(200, 0.50));
        bench.samples.note(p99, tally.percentile(200, 0.99));
    }
    relay.server.stop()
}

pub fn commit(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    for (name, durable) in [("not durable", false), ("durable", true)] {
        let setup = bench.waiting(&sink)?;
        let mut url: Url = setup.store.parse()?;
        let to = url.socket_addrs(|| Some(5432))?[0];
        let proxy = Proxy::start(to, durable)?;
        ensure!(url.set_port(Some(proxy.address.port())).is_ok(), "an address without a port");
        url.set_query(Some("sslmode=disable"));
        let relay = Relay::start(&Setup { store: url.into(), ..setup })?;
        let rate = bench.full_speed(relay.address)?;
        ensure!(
            durable || proxy.changed() > 0,
            "the relay asks for durable commits in another way"
        );
        bench.samples.note(name, rate);
        relay.server.stop()?;
    }
    Ok(())
}

/// Offers twice what the closed loop took.
pub fn overload(bench: &mut Bench) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let relay = Relay::start(&bench.waiting(&sink)?)?;
    let capacity = bench.full_speed(relay.address)?;
    let before = bench.postgres.number("SELECT count(*) FROM messages")?;
    let messages = Arc::new(Messages::samples()?);
    let time = bench.time * 4;
    let tally = flood(relay.address, &messages, FLOOD_CONNECTIONS, capacity * 2.0, time)?;
    relay.server.stop()?;
    let stored = bench.postgres.number("SELECT count(*) FROM messages")? - before;
    let accepted = i64::try_from(tally.count(200))?;
    ensure!(stored >= accepted, "{accepted} were acknowledged, {stored} are stored");
    let others = tally.count_others(&[200, 503]);
    ensure!(others == 0, "{others} answers were neither 200 nor 503");
    ensure!(tally.without_retry_after() == 0, "a 503 came without Retry-After");
    bench.samples.note("overload", tally.rate(200));
    bench.samples.note("overload closed", capacity);
    bench.samples.note("overload offered", tally.rate(200) + tally.rate(503));
    if tally.count(503) > 0 {
        bench.samples.note("overload 503 p99", tally.percentile(503, 0.99));
    }
    Ok(())
}
