//! As much HTTP/1.1 as load generator and sink need, at next to no cost.
//!
//! Both ends are on loopback and send `Content-Length`; what is not understood is an error and is
//! counted as one, never skipped.

use std::io;

/// What of a head matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status of an answer; 0 for a request.
    pub status: u16,
    /// Bytes of the head, the empty line included.
    pub len: usize,
    /// Bytes of the body.
    pub body: usize,
    /// The other side closes after this message.
    pub closes: bool,
    /// There is a `Retry-After`.
    pub retry_after: bool,
    /// The `Idempotency-Key`, where it is a UUID.
    pub key: Option<u128>,
}

impl Head {
    /// Reads the head at the start of `bytes`; `None` while it is incomplete.
    ///
    /// # Errors
    /// When it is not HTTP/1.1 with a length.
    pub fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let mut head = Self { len: end + 4, ..Self::default() };
        let mut lines = bytes[..end].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let first = lines.next().unwrap_or_default();
        if first.starts_with(b"HTTP/1.1 ") {
            head.status = number(first.get(9..12).unwrap_or_default())?;
        }
        for line in lines {
            head.take(line)?;
        }
        Ok(Some(head))
    }

    /// Bytes of head and body.
    pub fn total(&self) -> usize {
        self.len + self.body
    }

    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        let colon = line.iter().position(|&byte| byte == b':').ok_or_else(strange)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.closes = value.eq_ignore_ascii_case(b"close");
            }
            11 if name.eq_ignore_ascii_case(b"retry-after") => self.retry_after = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => self.body = number(value)?,
            15 if name.eq_ignore_ascii_case(b"idempotency-key") => {
                self.key = uuid::Uuid::try_parse_ascii(value).ok().map(|uuid| uuid.as_u128());
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return Err(strange()),
            _ => {}
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> io::Result<T> {
    str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(strange)
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not HTTP as this bench speaks it")
}
