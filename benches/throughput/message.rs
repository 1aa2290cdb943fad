//! The messages that are sent: Attio's samples, compact and signed.
//!
//! Each has an `Idempotency-Key` of its own. Signing costs as much as a good part of sending, so a
//! body is signed once; only traced messages carry their number in the body and are signed one by
//! one.

use std::{
    io::Write,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, ensure};
use attio_relay::signature::sign;
use secrecy::SecretString;

/// The secret that all messages are signed with.
pub const SECRET: &str = "bench-bench-bench-bench-bench";

/// The path that all messages are sent to.
pub const PATH: &str = "/webhooks/attio";

/// The last group of the sample's record id: where a traced body carries its number.
const NUMBER: &str = "70815956f705";

/// An endless supply of requests, handed out once each.
#[derive(Debug)]
pub struct Messages {
    next: AtomicU64,
    run: u32,
    templates: Vec<Template>,
    secret: SecretString,
}

#[derive(Debug)]
struct Template {
    body: Vec<u8>,
    signature: String,
    number_at: Option<usize>,
}

impl Messages {
    /// Every sample event, each body signed once.
    ///
    /// # Errors
    /// When the samples cannot be read.
    pub fn samples() -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/events");
        let mut bodies = Vec::new();
        for file in std::fs::read_dir(folder)? {
            bodies.push(compact(&std::fs::read(file?.path())?)?);
        }
        ensure!(!bodies.is_empty(), "there are no sample events");
        bodies.sort();
        Ok(Self::new(bodies, false))
    }

    /// Changes of a record whose id ends in the message's number; see [`number_in`].
    ///
    /// # Errors
    /// When the sample cannot be read.
    pub fn traced() -> anyhow::Result<Self> {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/events/record.updated.json");
        let body = compact(&std::fs::read(file)?)?;
        ensure!(body.contains(NUMBER), "the sample's record id is another one");
        Ok(Self::new(vec![body], true))
    }

    fn new(bodies: Vec<String>, traced: bool) -> Self {
        let secret = SecretString::from(SECRET);
        let templates = bodies
            .into_iter()
            .map(|body| Template {
                signature: sign(&secret, body.as_bytes()),
                number_at: body.find(NUMBER).filter(|_| traced),
                body: body.into_bytes(),
            })
            .collect();
        Self { next: AtomicU64::new(0), run: fastrand::u32(..), templates, secret }
    }

    /// Takes the next number.
    pub fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes the request with this number over `out`.
    pub fn write(&self, number: u64, out: &mut Vec<u8>) {
        let template = &self.templates[usize::try_from(number).unwrap_or(0) % self.templates.len()];
        match template.number_at {
            None => self.write_signed(number, &template.signature, &template.body, out),
            Some(at) => {
                let mut body = template.body.clone();
                body[at..at + NUMBER.len()].copy_from_slice(format!("{number:012x}").as_bytes());
                self.write_signed(number, &sign(&self.secret, &body), &body, out);
            }
        }
    }

    fn write_signed(&self, number: u64, signature: &str, body: &[u8], out: &mut Vec<u8>) {
        out.clear();
        write!(
            out,
            "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             User-Agent: Attio 2.0 (https://attio.com/developers/using-webhooks)\r\n\
             Attio-Signature: {signature}\r\nX-Attio-Signature: {signature}\r\n\
             Idempotency-Key: {:08x}-0000-4000-8000-{number:012x}\r\nContent-Length: {}\r\n\r\n",
            self.run,
            body.len()
        )
        .expect("a vector takes all bytes");
        out.extend_from_slice(body);
    }
}

/// The number that a traced message's event carries, read from whatever JSON it stands in.
pub fn number_in(json: &[u8]) -> Option<u64> {
    const FIELD: &[u8] = b"\"record_id\":\"";
    let id = json.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let digits = json.get(id + 24..id + 36)?;
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn compact(json: &[u8]) -> anyhow::Result<String> {
    let value: serde_json::Value = serde_json::from_slice(json)?;
    let events = value["events"].as_array().context("a sample without events")?;
    ensure!(events.len() == 1, "a sample with more than one event would be counted as one");
    Ok(value.to_string())
}
