//! `attio-relay schema`: the JSON Schema of the configuration file, for editors.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

/// Prints the schema to standard output; exits with 1 when nobody takes it.
#[must_use]
pub fn run() -> ExitCode {
    let schema = crate::config::json_schema();
    writeln!(stdout(), "{schema:#}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
