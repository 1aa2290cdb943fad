//! Durations, sizes, rates, counts, addresses and dates as people type them.
//!
//! Each is a type of its own, so that a wrong one is found while the file is read, at its value.

use std::{fmt, marker::PhantomData, net::SocketAddr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::meant::Rate;

macro_rules! typed {
    ($(#[$doc:meta])* $name:ident($meant:ty), $what:literal, $schema:tt, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(pub $meant);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(typed: D) -> Result<Self, D::Error> {
                let text = Text { what: $what, parse: $parse, meant: PhantomData };
                typed.deserialize_str(text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

typed! {
    /// `"250ms"`, `"10s"`, `"5m"`, `"2h"`, `"30d"`.
    Interval(Duration), "a duration such as \"10s\"",
    {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}, interval
}
typed! {
    /// `"512B"`, `"64KiB"`, `"1MiB"`, `"2GiB"`: bytes, above zero.
    Size(usize), "a size such as \"1MiB\"",
    {"type": "string", "pattern": "^0*[1-9][0-9]*(B|KiB|MiB|GiB)$"}, size
}
typed! {
    /// `"25/s"`, `"10/m"`, `"100/h"`, above zero.
    Frequency(Rate), "a rate such as \"25/s\"",
    {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?/(s|m|h)$"}, frequency
}
typed! {
    /// An address and a port to listen on.
    Address(SocketAddr), "an address such as \"127.0.0.1:8080\"",
    {"type": "string", "pattern": "^.+:[0-9]+$"}, address
}
typed! {
    /// An `https://` or `http://` address without user name, password and fragment.
    WebUrl(Url), "an address such as \"https://example.com/path\"",
    {"type": "string", "format": "uri", "pattern": "^https?://"}, web_url
}

struct Text<M, P> {
    what: &'static str,
    parse: P,
    meant: PhantomData<M>,
}

impl<M, P: Fn(&str) -> Result<M, String>> de::Visitor<'_> for Text<M, P> {
    type Value = M;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.what)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<M, E> {
        (self.parse)(text).map_err(|why| E::custom(format!("{why}; expected {}", self.what)))
    }
}

/// The longest duration that is taken: a hundred years, which every clock and database can add.
const LONGEST: Duration = Duration::from_hours(24 * 36_500);

/// Reads `"250ms"`, `"10s"`, `"2h"` or `"30d"`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err("the unit is missing: ms, s, m, h or d".to_owned()),
        _ => return Err(format!("`{unit}` is no unit of time: ms, s, m, h or d")),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| "longer than a hundred years".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err("the unit is missing: B, KiB, MiB or GiB".to_owned()),
        _ => return Err(format!("`{unit}` is no unit of size: B, KiB, MiB or GiB")),
    };
    match number.checked_mul(bytes).and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(0) => Err("must be above zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("larger than any memory".to_owned()),
    }
}

fn frequency(text: &str) -> Result<Rate, String> {
    let (number, unit) = text.split_once('/').ok_or("the unit is missing: /s, /m or /h")?;
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("`/{unit}` is no unit of a rate: /s, /m or /h")),
    };
    // Plain decimals only: `f64` alone would also take "inf", "nan" and "1e9".
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = (is_plain && !number.is_empty())
        .then(|| number.parse().ok())
        .flatten()
        .ok_or_else(|| format!("`{number}` is no number"))?;
    let per_second = number / seconds;
    if per_second <= 0.0 || !per_second.is_finite() {
        return Err("must be above zero".to_owned());
    }
    Ok(Rate { per_second })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        return Err(format!("an address is needed, no name: \"127.0.0.1:{port}\""));
    }
    text.parse().map_err(|_| "no address with a port".to_owned())
}

// Never quotes the text: a password may stand in it.
fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("must start with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or password may not stand in an address".to_owned());
    }
    if url.fragment().is_some() {
        return Err("a fragment (`#…`) is never sent".to_owned());
    }
    Ok(url)
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err("must start with a whole number".to_owned());
    }
    let number = number.parse().map_err(|_| "the number is too large".to_owned())?;
    Ok((number, unit.trim_start()))
}

/// A whole number above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(typed: D) -> Result<Self, D::Error> {
        typed.deserialize_i64(Whole).map(Self)
    }
}

struct Whole;

impl de::Visitor<'_> for Whole {
    type Value = u32;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number above zero")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

impl JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX})
    }
}

/// A day, as TOML writes it: `2026-11-01`, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day(pub String);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(typed: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("expected a date such as 2026-11-01, without quotes");
        let day = toml::value::Datetime::deserialize(typed).map_err(|_| wrong())?;
        match (day.date, day.time) {
            (Some(date), None) => Ok(Self(date.to_string())),
            _ => Err(wrong()),
        }
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(interval("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(interval("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(interval("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(interval("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(interval("30d"), Ok(Duration::from_hours(720)));
        for wrong in ["", "10", "s", "1.5h", "10 fortnights", "-1s", "99999999999999999d"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MiB"), Ok(1_048_576));
        for wrong in ["1", "1MB", "0MiB", "MiB", "99999999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_become_so_many_a_second() {
        assert_eq!(frequency("25/s"), Ok(Rate { per_second: 25.0 }));
        assert_eq!(frequency("30/m"), Ok(Rate { per_second: 0.5 }));
        assert_eq!(frequency("36/h"), Ok(Rate { per_second: 0.01 }));
        for wrong in ["25", "0/s", "inf/s", "1e9/s", "/s", "-1/s", "5/d", "1.2.3/s"] {
            assert!(frequency(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refused_address_is_never_quoted() {
        for wrong in ["https://a:canary@b/", "ftp://canary", "https://b/#canary", "canary"] {
            let why = web_url(wrong).unwrap_err();
            assert!(!why.contains("canary"), "{why}");
        }
        assert!(web_url("https://example.com/hook?x=1").is_ok());
    }

    #[test]
    fn a_name_to_listen_on_is_refused_with_the_address() {
        assert!(address("localhost:8080").unwrap_err().contains("127.0.0.1:8080"));
        assert!(address("[::1]:8080").is_ok());
    }
}
