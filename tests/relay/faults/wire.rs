//! HTTP/1.1 over a plain connection: as little as the fault tests need to see every failure.

use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::client::Message;

/// Longer than any answer may take, so that a hang is seen as one.
const PATIENCE: Duration = Duration::from_secs(15);

/// An answer, or any other HTTP message.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status of an answer; 0 for a request.
    pub status: u16,
    /// Its start line and headers, as they came.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// Whether the connection ends with it.
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of_name = |line: &str| {
            line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(|line| of_name(line))?;
        Some(line.split_once(':')?.1.trim())
    }
}

/// Reads one message with a `Content-Length`; `None` when the connection ends before its first byte.
pub async fn read(stream: &mut TcpStream) -> Result<Option<Answer>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let status =
                head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
            let mut message = Answer { status: status.unwrap_or(0), head, body: String::new() };
            let length = message.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            let mut body = bytes.split_off(end + 4);
            while body.len() < length {
                if stream.read_buf(&mut body).await? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            message.body = String::from_utf8_lossy(&body).into_owned();
            return Ok(Some(message));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
    }
}

/// Sends one request over a connection and reads its answer.
pub async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Answer> {
    let call = async {
        stream.write_all(request).await?;
        read(stream).await?.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))
    };
    timeout(PATIENCE, call).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
}

/// Asks for a path over a connection of its own.
pub async fn get(from: SocketAddr, path: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(from).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {from}\r\nConnection: close\r\n\r\n");
    exchange(&mut stream, request.as_bytes()).await
}

/// A signed message under a key, about a record of the same name, as it goes over the wire.
pub fn message(key: &str) -> Vec<u8> {
    Message::record_updated(key).key(key).request()
}

/// Posts a message over a connection of its own.
pub async fn post(to: SocketAddr, request: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    exchange(&mut stream, request).await
}
