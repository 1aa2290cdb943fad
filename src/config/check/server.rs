//! `[server]`: listeners that do not collide, limits that fit together, files that are there.

use std::{fs::File, io::Read, net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::Check;
use crate::config::{DEFAULT_ADMIN_LISTEN, document::Place, file, meant};

const MIB: usize = 1024 * 1024;

/// A token that is shorter is guessed too soon.
const SHORTEST_TOKEN: usize = 16;

/// Attio waits 5 s, and an answer takes time to arrive.
const LONGEST_ACK: Duration = Duration::from_millis(3_500);

/// The longest drain that leaves time for the last batch and running attempts before the process
/// is stopped by force.
const LONGEST_DRAIN: Duration = Duration::from_secs(20);

pub(super) fn server(check: &mut Check<'_, '_>, typed: &file::Server) -> meant::Server {
    let place = Place::root().key("server");
    let (listen, admin_listen) = listeners(check, &place, typed);
    let (body_limit, body_memory) = bodies(check, &place, typed);
    let ack_timeout = check.interval(
        &place.key("ack_timeout"),
        typed.ack_timeout.as_ref(),
        Duration::from_secs(3),
        Some((LONGEST_ACK, "3500ms, so that the answer is there before Attio gives up")),
    );
    let token = admin_token(check, &place.key("admin_token"), typed);
    meant::Server {
        listen,
        admin_listen,
        admin_token: token,
        public_url: typed.public_url.as_ref().map(|url| url.0.clone()),
        body_limit,
        body_memory,
        ack_timeout,
        drain_delay: drain_delay(check, &place, typed),
        max_connections: typed.max_connections.map_or(8_192, |count| count.0 as usize),
        tls: typed.tls.as_ref().and_then(|typed| tls(check, &place.key("tls"), typed)),
    }
}

fn admin_token(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Server,
) -> Option<SecretString> {
    let token = check.optional_secret(place, typed.admin_token.as_ref())?;
    if token.expose_secret().chars().count() < SHORTEST_TOKEN {
        let message = format!("the token has fewer than {SHORTEST_TOKEN} characters");
        check
            .warning(place, message)
            .help("whoever guesses it may read and change everything: take what `openssl rand -hex 32` makes");
    }
    Some(token)
}

fn listeners(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Server,
) -> (SocketAddr, SocketAddr) {
    let local = SocketAddr::from(([127, 0, 0, 1], 8080));
    let listen = typed.listen.as_ref().map_or(local, |address| address.0);
    let admin_listen =
        typed.admin_listen.as_ref().map_or(DEFAULT_ADMIN_LISTEN, |address| address.0);
    let overlaps = listen.ip() == admin_listen.ip()
        || listen.ip().is_unspecified()
        || admin_listen.ip().is_unspecified();
    // Port 0 is a free port, another one each time.
    if listen.port() == admin_listen.port() && listen.port() != 0 && overlaps {
        let key = if typed.admin_listen.is_some() { "admin_listen" } else { "listen" };
        check
            .error(&place.key(key), "`listen` and `admin_listen` are one address")
            .help("the private listener needs a port of its own, such as \"127.0.0.1:9090\"");
    }
    (listen, admin_listen)
}

fn bodies(check: &mut Check<'_, '_>, place: &Place, typed: &file::Server) -> (usize, usize) {
    let limit = typed.body_limit.as_ref().map_or(MIB, |size| size.0);
    let memory = typed.body_memory.as_ref().map_or(64 * MIB, |size| size.0);
    if limit > memory {
        let key = if typed.body_memory.is_some() { "body_memory" } else { "body_limit" };
        let message = "`body_memory` must hold one body of `body_limit` at least";
        check.error(&place.key(key), message);
    }
    (limit, memory)
}

fn drain_delay(check: &mut Check<'_, '_>, place: &Place, typed: &file::Server) -> Duration {
    let delay = typed.drain_delay.as_ref().map_or(Duration::from_secs(10), |typed| typed.0);
    if delay > LONGEST_DRAIN {
        let message = "at most 20s: the whole stop, running attempts included, ends after 45s";
        check.error(&place.key("drain_delay"), message);
    }
    delay
}

fn tls(check: &mut Check<'_, '_>, place: &Place, typed: &file::Tls) -> Option<meant::Tls> {
    let cert = check.required(place, "cert", typed.cert.as_ref());
    let key = check.required(place, "key", typed.key.as_ref());
    let cert = cert.map(|path| readable(check, &place.key("cert"), path));
    let key = key.map(|path| readable(check, &place.key("key"), path));
    Some(meant::Tls { cert: cert?, key: key? })
}

fn readable(check: &mut Check<'_, '_>, place: &Place, path: &str) -> PathBuf {
    // A folder can be opened, but not read.
    let first_byte = File::open(path).and_then(|mut file| file.read(&mut [0]));
    if let Err(error) = first_byte {
        check.error(place, format!("the file cannot be read: {error}"));
    }
    PathBuf::from(path)
}
