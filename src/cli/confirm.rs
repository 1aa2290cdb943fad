//! "Are you sure?", asked where somebody can answer.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::bail;
use clap::Args;

/// How changes are agreed to.
#[derive(Debug, Args)]
pub(super) struct Consent {
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Whether a person agrees, or has agreed before with `--yes`.
///
/// Fails where nobody can be asked.
pub(super) fn agreed(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !stdin().is_terminal() {
        bail!("nobody can be asked here: agree with --yes, or look first with --dry-run");
    }
    write!(stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
