//! `attio-relay check`: reads the configuration and reports every problem.

mod online;

use std::{
    io::{IsTerminal, stderr},
    path::Path,
    process::ExitCode,
};

use super::migrate;
use crate::config::{self, Config, Outside, Problems};

/// The exit code of every command whose configuration may not be used.
const WRONG_CONFIGURATION: u8 = 64;

/// Nobody but the operator knows how many replicas there are.
const PER_PROCESS: &str = "note: attio.reads and attio.writes hold for each process; N replicas \
    together take N times as much of the 100 reads and 25 writes a second that Attio allows";

/// What fails is seen by whoever looks, and nobody is told.
const NOBODY: &str = "note: nobody is told of trouble: name an action in `[alerts] to`, best a \
    Slack action that no route uses";

/// Checks the file, and with `online` asks Attio, the store and the destinations; says so on
/// standard output when it is right, and all that is not on standard error. Exits with 0, with 64
/// when the configuration may not be used, with 1 when somebody cannot be asked.
#[must_use]
pub fn run(path: &Path, online: bool, outside: &Outside<'_>) -> ExitCode {
    match config::load(path, outside) {
        Ok((config, warnings)) => {
            show(&warnings);
            println!("{}", summary(&config));
            if config.attio.is_some() {
                println!("{PER_PROCESS}");
            }
            if config.alerts.to.is_empty() {
                println!("{NOBODY}");
            }
            if online {
                super::block_on(async { Ok(online::run(path, &config).await) })
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(problems) => refuse(&problems),
    }
}

/// Shows what is wrong; every command that needs a configuration ends like this without one.
#[must_use]
pub fn refuse(problems: &Problems) -> ExitCode {
    show(problems);
    ExitCode::from(WRONG_CONFIGURATION)
}

/// Shows problems on standard error, in colour where somebody looks at it.
pub fn show(problems: &Problems) {
    // <https://no-color.org>: set and not empty means no colour.
    let no_colour = config::environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    eprint!("{}", problems.render(stderr().is_terminal() && !no_colour));
}

fn summary(config: &Config) -> String {
    format!(
        "configuration ok: {}, {}, {}",
        counted(config.sources.len(), "source"),
        counted(config.routes.len(), "route"),
        counted(config.actions.len(), "action"),
    )
}

fn counted(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, text).unwrap();
        let env = |_: &str| Some("0123456789abcdef".to_owned());
        let outside = Outside { env: &env, templates: &|_| Vec::new() };
        format!("{:?}", run(&path, false, &outside))
    }

    #[test]
    fn a_right_file_exits_with_0_and_a_wrong_one_with_64() {
        let right = "[[sources]]\nname = \"crm\"\npath = \"/a\"\nsecrets = [\"env:A\"]\n";
        assert_eq!(exit_code(right), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(exit_code("nonsense"), format!("{:?}", ExitCode::from(64)));
    }

    #[test]
    fn a_number_of_things_reads_as_people_say_it() {
        assert_eq!(counted(1, "route"), "1 route");
        assert_eq!(counted(0, "route"), "0 routes");
    }
}
