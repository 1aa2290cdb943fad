//! The entry of `attio-relay`; everything is in the library.

use std::process::ExitCode;

use clap::Parser;

/// The system's allocator keeps memory of bursts; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    attio_relay::cli::Cli::parse().run()
}
