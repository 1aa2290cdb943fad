//! Measures attio-relay beside a floor and a naive receiver, and holds it against its bars.
//!
//! `make bench` runs it beside a private PostgreSQL with durable defaults. Generator, relay and
//! Postgres share the machine, so only ratios of one run mean anything elsewhere.
//! `BENCH_ONLY=ingest,drain` picks scenarios, `BENCH_SECONDS=5` is the time of one measurement,
//! `BENCH_ROUNDS=3` how often each is made, in turns.

mod database;
mod figures;
mod floor;
mod http;
mod load;
mod message;
mod naive;
mod paced;
mod process;
mod proxy;
mod relay;
mod report;
mod scenario;
mod sink;
mod tally;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;

use crate::{
    database::{Postgres, variable},
    figures::FIGURES,
    report::Samples,
    scenario::{Bench, SCENARIOS, Scenario},
};

/// The relay's own allocator, for what stands beside it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, "floor"] => serve(floor::serve(address.parse()?)),
        ["serve", address, "naive", database] => serve(naive::serve(address.parse()?, database)),
        // Cargo adds `--bench`.
        _ => measure(),
    }
}

fn serve(server: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(server)?;
    Ok(ExitCode::SUCCESS)
}

fn measure() -> anyhow::Result<ExitCode> {
    let seconds = number("BENCH_SECONDS", 5)?;
    let rounds = number("BENCH_ROUNDS", 3)?;
    let scenarios = chosen()?;
    let postgres = Postgres::find()?;
    let version = postgres.version()?;
    let mut bench =
        Bench { postgres, time: Duration::from_secs(seconds), samples: Samples::default() };
    let mut failures = Vec::new();
    for round in 1..=rounds {
        for (name, run) in &scenarios {
            eprintln!("round {round} of {rounds}: {name}");
            if let Err(error) = run(&mut bench) {
                eprintln!("  failed: {error:#}");
                failures.push(format!("{name}, round {round}: {error:#}"));
            }
        }
    }
    println!("{}\n", machine(&version, rounds, seconds));
    let all_hold = report::print(FIGURES, &bench.samples);
    for failure in &failures {
        println!("\nFAILED {failure}");
    }
    Ok(if all_hold && failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scenarios of `BENCH_ONLY`, with those that they are compared with; all without it.
fn chosen() -> anyhow::Result<Vec<Scenario>> {
    let Ok(only) = variable("BENCH_ONLY") else {
        return Ok(SCENARIOS.to_vec());
    };
    let only: Vec<&str> = only.split(',').map(str::trim).collect();
    for name in &only {
        let known = SCENARIOS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        SCENARIOS
            .iter()
            .find(|(known, _)| known == name)
            .with_context(|| format!("BENCH_ONLY: there is no {name:?}, only {known}"))?;
    }
    let needed = |name: &str| {
        let compared = FIGURES.iter().filter(|figure| only.contains(&figure.scenario));
        only.contains(&name) || compared.clone().any(|figure| figure.over == Some(name))
    };
    Ok(SCENARIOS.iter().filter(|(name, _)| needed(name)).copied().collect())
}

fn number(variable_name: &str, default: u64) -> anyhow::Result<u64> {
    let Ok(text) = variable(variable_name) else {
        return Ok(default);
    };
    text.parse().with_context(|| format!("{variable_name} is not a number"))
}

/// What the figures were measured on.
fn machine(postgres: &str, rounds: u64, seconds: u64) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores of {}, shared by generator, relay and PostgreSQL {postgres} on loopback. \
         Medians of {rounds} rounds in turns, {seconds} s each.",
        model.unwrap_or("an unknown processor")
    )
}
