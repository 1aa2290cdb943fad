//! What is measured. Each function is one round of one scenario.

mod deliver;
mod receive;
mod retention;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::ensure;

use crate::{
    database::Postgres,
    load::{Until, closed},
    message::Messages,
    paced::{Schedule, paced},
    relay::Setup,
    report::Samples,
    sink::Sink,
    tally::Tally,
};

/// Connections of a closed loop.
const CONNECTIONS: usize = 64;

/// What the scenarios share.
#[derive(Debug)]
pub struct Bench {
    /// The private server.
    pub postgres: Postgres,
    /// How long one measurement lasts.
    pub time: Duration,
    /// What was measured.
    pub samples: Samples,
}

/// A scenario, by the name that `BENCH_ONLY` knows.
pub type Scenario = (&'static str, fn(&mut Bench) -> anyhow::Result<()>);

/// All scenarios, in their order within a round.
pub const SCENARIOS: &[Scenario] = &[
    ("floor", receive::floor),
    ("naive", receive::naive),
    ("ingest", receive::ingest),
    ("latency", receive::latency),
    ("deliver", deliver::deliver),
    ("drain", deliver::drain),
    ("end-to-end", deliver::end_to_end),
    ("commit", receive::commit),
    ("overload", receive::overload),
    ("backlog", deliver::backlog),
    ("sqlite", receive::sqlite),
    ("cost", deliver::cost),
    ("retention", retention::retention),
];

impl Bench {
    /// One delivery for each event, to an action that takes one a second.
    fn waiting(&mut self, sink: &Sink) -> anyhow::Result<Setup> {
        Ok(Setup { rate: Some("1/s"), ..self.delivering(sink)? })
    }

    /// One delivery for each event, as fast as it goes.
    fn delivering(&mut self, sink: &Sink) -> anyhow::Result<Setup> {
        Ok(Setup {
            store: self.postgres.fresh()?.into(),
            sink: sink.address(),
            deliveries: 1,
            rate: None,
            retention: "30d",
        })
    }

    /// Requests a second of a closed loop, after a second of warming up.
    fn full_speed(&self, address: SocketAddr) -> anyhow::Result<f64> {
        let messages = Arc::new(Messages::samples()?);
        closed(address, &messages, CONNECTIONS, Until::Elapsed(Duration::from_secs(1)))?;
        let tally = closed(address, &messages, CONNECTIONS, Until::Elapsed(self.time))?;
        all_accepted(&tally)?;
        Ok(tally.rate(200))
    }

    /// The answers at 2,000 requests a second, after a second of warming up.
    fn at_2000(&self, address: SocketAddr) -> anyhow::Result<Tally> {
        let messages = Arc::new(Messages::samples()?);
        let warm_up = Arc::new(Schedule::new(&messages, 2000));
        paced(address, &messages, &warm_up, Duration::from_secs(1))?;
        let schedule = Arc::new(Schedule::new(&messages, 2000));
        let tally = paced(address, &messages, &schedule, self.time)?;
        all_accepted(&tally)?;
        Ok(tally)
    }
}

fn all_accepted(tally: &Tally) -> anyhow::Result<()> {
    let others = tally.count_others(&[200]);
    ensure!(tally.count(200) > 0 && others == 0, "{others} answers were not 200");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "no process holds 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
