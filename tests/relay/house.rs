//! The house's own rules, read off its sources.

use std::path::{Path, PathBuf};

/// A source file without its unit tests.
struct Source {
    path: String,
    code: String,
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        Source { path: path.strip_prefix(root).unwrap().display().to_string(), code }
    };
    let sources: Vec<_> = files(&root.join(folder)).into_iter().map(read).collect();
    assert!(!sources.is_empty());
    sources
}

impl Source {
    fn lies_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// The code without comments.
    fn bare(&self) -> String {
        let uncommented = |line: &str| !line.trim_start().starts_with("//");
        self.code.lines().filter(|line| uncommented(line)).collect::<Vec<_>>().join("\n")
    }

    /// The modules of ours that it names after `crate::`, also within braces.
    fn modules(&self) -> Vec<String> {
        let bare = self.bare();
        let mut found = Vec::new();
        for (at, start) in bare.match_indices("crate::") {
            let rest = &bare[at + start.len()..];
            let Some(group) = rest.strip_prefix('{') else {
                found.push(first_name(rest));
                continue;
            };
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    ',' if depth == 0 => found.push(first_name(std::mem::take(&mut item).trim())),
                    '}' if depth == 0 => break,
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth > 0 || c != ',' {
                    item.push(c);
                }
            }
            found.push(first_name(item.trim()));
        }
        found
    }

    /// Whether the code names a path such as `sqlx::` or imports it.
    fn names(&self, path: &str) -> bool {
        let bare = self.bare();
        let is_word = |at: usize| {
            let before = bare[..at].chars().next_back().unwrap_or(' ');
            let after = bare[at + path.len()..].chars().next().unwrap_or(' ');
            !is_part_of_name(before) && !is_part_of_name(after)
        };
        bare.match_indices(path).any(|(at, _)| is_word(at))
    }
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| is_part_of_name(*c)).collect()
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// No file of the place uses any of these modules of ours.
fn uses_none_of(place: &str, modules: &[&str]) {
    let files: Vec<_> = sources("src").into_iter().filter(|file| file.lies_in(&[place])).collect();
    assert!(!files.is_empty(), "{place} is there");
    for file in files {
        for used in file.modules() {
            assert!(!modules.contains(&used.as_str()), "{} uses {used}", file.path);
        }
    }
}

/// No file outside the places names the crate.
fn only_in(krate: &str, places: &[&str]) {
    let named: Vec<_> = sources("src").into_iter().filter(|file| file.names(krate)).collect();
    assert!(!named.is_empty(), "{krate} is nowhere at all");
    for file in named {
        assert!(file.lies_in(places), "{} names {krate}", file.path);
    }
}

/// No file of the places names any of these.
fn never_in(places: &[&str], names: &[&str]) {
    let files: Vec<_> = sources("src").into_iter().filter(|file| file.lies_in(places)).collect();
    assert!(files.len() >= places.len(), "{places:?} are there");
    for file in files {
        for name in names {
            assert!(!file.names(name), "{} names {name}", file.path);
        }
    }
}

#[test]
fn only_the_store_and_the_warehouse_speak_sql() {
    only_in("sqlx", &["src/store/", "src/action/postgres/"]);
}

#[test]
fn only_the_two_doors_know_the_http_server() {
    only_in("axum", &["src/http/", "src/admin/"]);
}

#[test]
fn only_actions_and_attios_client_speak_to_others() {
    // The configuration asks it which header names and values it could send; commands ask the
    // relay's own doors; the fake Attio sends webhooks to this machine.
    only_in(
        "reqwest",
        &[
            "src/action/",
            "src/attio/client/",
            "src/config/check/http.rs",
            "src/cli/client.rs",
            "src/cli/send.rs",
            "src/http/fake_attio/courier.rs",
        ],
    );
}

#[test]
fn signature_routing_and_retry_do_no_io_and_read_no_clock() {
    never_in(
        &["src/signature.rs", "src/routing/", "src/dispatch/retry.rs"],
        &[
            "tokio",
            "reqwest",
            "sqlx",
            "axum",
            "hyper",
            "tracing",
            "std::fs",
            "std::net",
            "std::env",
            "fs",
            "SystemTime",
            "Instant::now",
            "now_utc",
            "now_v7",
            "fastrand",
        ],
    );
}

#[test]
fn the_door_knows_neither_dispatch_nor_actions() {
    uses_none_of("src/http/", &["dispatch", "action", "routing", "store"]);
}

#[test]
fn data_flows_one_way() {
    uses_none_of("src/signature.rs", &["http", "intake", "store", "dispatch", "routing", "action"]);
    uses_none_of("src/attio/", &["http", "intake", "store", "dispatch", "routing", "action"]);
    // Templates are filled from an action's job, which is nothing but data.
    for pure in ["filter.rs", "pattern.rs", "rule.rs", "table.rs", "verdict.rs"] {
        let stages = ["http", "intake", "store", "dispatch", "action"];
        uses_none_of(&format!("src/routing/{pure}"), &stages);
    }
    uses_none_of("src/routing/template", &["http", "intake", "store", "dispatch"]);
    uses_none_of("src/store/", &["http", "intake", "dispatch", "action"]);
    uses_none_of("src/action/", &["http", "intake", "dispatch", "store"]);
    uses_none_of("src/dispatch/", &["http", "intake"]);
    uses_none_of("src/intake/", &["http"]);
    uses_none_of("src/config/", &["http", "intake", "store", "dispatch", "action"]);
}

/// Longer files, each with its reason.
const LONG: [(&str, &str); 2] = [
    ("tests/relay/store/merging.rs", "every race of one decision, in one suite over both engines"),
    ("src/intake/batcher.rs", "the life of a batch, and all that can go wrong in it"),
];

#[test]
fn no_file_is_longer_than_300_lines_without_its_tests() {
    for file in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        let lines = file.code.lines().count();
        let is_excused = LONG.iter().any(|(path, _reason)| *path == file.path);
        assert!(lines <= 300 || is_excused, "{} has {lines} lines", file.path);
        assert!(lines > 300 || !is_excused, "{} needs no excuse any more", file.path);
    }
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    for file in sources("src") {
        for unfinished in ["todo!", "unimplemented!", "dbg!", "#[allow", "#![allow", "FIXME"] {
            assert!(!file.code.contains(unfinished), "{} holds {unfinished}", file.path);
        }
        let spawns = file.bare().matches("tokio::spawn(").count();
        let allowed = usize::from(file.path == "src/app/running.rs");
        assert!(spawns <= allowed, "{}: every task is tracked", file.path);
    }
}

#[test]
fn production_code_never_unwraps() {
    for file in sources("src").into_iter().filter(|file| !file.path.contains("/tests/")) {
        assert!(!file.bare().contains(".unwrap()"), "{}", file.path);
    }
}

#[test]
fn every_file_says_why_it_exists() {
    for file in sources("src") {
        assert!(file.code.starts_with("//! "), "{}", file.path);
    }
}
