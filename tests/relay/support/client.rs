//! The sending side: raw HTTP/1.1 over TCP.
//!
//! No HTTP library: the tests must say every byte, and see every byte of the answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use super::message::{Message, PATH, SECRET, fresh_id, sample, sign};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer than any answer takes, and far less than a test run.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value; its name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn assert_accepted(&self) {
        self.assert_is(200, r#"{"status":"accepted"}"#);
    }

    #[track_caller]
    pub fn assert_duplicate(&self) {
        self.assert_is(200, r#"{"status":"duplicate"}"#);
    }

    #[track_caller]
    pub fn assert_quarantined(&self) {
        self.assert_is(200, r#"{"status":"quarantined"}"#);
    }

    /// A refusal with its fixed text.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, error: &str) {
        self.assert_is(status, &format!(r#"{{"error":"{error}"}}"#));
    }

    /// What every answer to a message has in common, and what sets this one apart.
    #[track_caller]
    fn assert_is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
    }
}

/// One connection, byte by byte.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes; the other end must still take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes, unless the other end closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more is sent.
    pub async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer, interim ones included; `None` when the other end closed before it.
    pub async fn next_answer(&mut self) -> Option<Answer> {
        let reading = async {
            let end = loop {
                if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                    break at + 4;
                }
                self.read_more().await?;
            };
            let mut answer = parse_head(std::str::from_utf8(&self.unread[..end]).unwrap());
            let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
            while self.unread.len() < end + length {
                self.read_more().await?;
            }
            answer.body = String::from_utf8(self.unread[end..end + length].to_vec()).unwrap();
            self.unread.drain(..end + length);
            Some(answer)
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer or the end within 30 s")
    }

    /// The next answer, which must come.
    pub async fn answer(&mut self) -> Answer {
        self.next_answer().await.expect("the connection was closed without an answer")
    }

    /// Sends a whole request and waits for its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Waits until the other end closed, and says how many bytes came before that.
    pub async fn closed(&mut self) -> usize {
        let reading = async {
            while self.read_more().await.is_some() {}
            self.unread.len()
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("a close within 30 s")
    }

    async fn read_more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.unread).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines
        .map(|line| line.split_once(':').unwrap_or_else(|| panic!("no header: {line}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Answer { status: status.expect("a status line"), headers, body: String::new() }
}

/// Sends requests over connections that it keeps. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// Sends a message.
    pub async fn post(&self, message: &Message) -> Answer {
        self.ask(&message.request()).await
    }

    /// Asks for a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n").as_bytes()).await
    }

    /// Sends a whole request and waits for its answer.
    pub async fn ask(&self, request: &[u8]) -> Answer {
        let kept = self.idle.lock().unwrap().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.address).await,
        };
        let answer = connection.ask(request).await;
        if answer.header("connection") != Some("close") {
            self.idle.lock().unwrap().push(connection);
        }
        answer
    }
}
