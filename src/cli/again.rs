//! The command that was typed, as it is typed to go on with what was interrupted.

use time::OffsetDateTime;

use crate::store::text_of;

/// The command again. What was a time ago is written as the time that it was then: an hour later
/// it would mean another one.
pub(super) fn command(times: &[(&str, Option<OffsetDateTime>)]) -> String {
    let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    with_times(typed, times)
}

fn with_times(
    mut typed: impl Iterator<Item = String>,
    times: &[(&str, Option<OffsetDateTime>)],
) -> String {
    let time_of = |name: &str| {
        let (_, time) = times.iter().find(|(of, _)| *of == name)?;
        time.map(text_of)
    };
    let mut words = Vec::new();
    while let Some(word) = typed.next() {
        let (name, is_joined) = word.split_once('=').map_or((&*word, false), |(it, _)| (it, true));
        match time_of(name) {
            Some(time) if is_joined => words.push(format!("{name}={time}")),
            Some(time) => {
                words.extend([word, time]);
                let _replaced = typed.next();
            }
            None => words.push(quoted(&word)),
        }
    }
    words.join(" ")
}

/// As a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_quoted_and_its_times_are_fixed() {
        let typed =
            ["relay", "replay", "--since", "2h", "--until=1h", "--error", "it's bad", "--yes"];
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let again = with_times(
            typed.map(str::to_owned).into_iter(),
            &[("--since", at(0)), ("--until", at(3600))],
        );
        let expected = "relay replay --since 1970-01-01T00:00:00.000Z \
                        --until=1970-01-01T01:00:00.000Z --error 'it'\\''s bad' --yes";
        assert_eq!(again, expected);
        assert_eq!(with_times(["x", "*"].map(str::to_owned).into_iter(), &[]), "x '*'");
    }
}
