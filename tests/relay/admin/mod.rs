//! The private door: who may use what, and what they do there.

mod access;
mod acting;
mod asking;
mod forms;

use std::fmt::Write;

use crate::support::{
    app::TestApp,
    client::{Answer, Client, SECRET},
    sink::Sink,
};

/// A relay with this token: [`SECRET`].
const TOKEN: &str = "[server]\nadmin_token = \"env:SECRET\"\n";

/// One action that delivers everything to a sink, behind a token.
fn behind_a_token(sink: &Sink) -> String {
    TOKEN.to_owned() + &sink.all()
}

/// What a page of ours sends with every request, but for the login.
fn own(app: &TestApp) -> Vec<(String, String)> {
    let host = app.admin.address.to_string();
    let origin = format!("http://{host}");
    [("host", &host), ("origin", &origin)]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
}

/// The same with the token.
fn knowing(app: &TestApp) -> Vec<(String, String)> {
    with(own(app), "authorization", &format!("Bearer {SECRET}"))
}

/// With another header, instead of one of the same name.
fn with(mut headers: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    headers.retain(|(known, _)| known != name);
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

fn without(mut headers: Vec<(String, String)>, name: &str) -> Vec<(String, String)> {
    headers.retain(|(known, _)| known != name);
    headers
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if method == "POST" {
        write!(head, "content-length: {}\r\n", body.len()).unwrap();
    }
    let mut answer = client.ask(format!("{head}\r\n{body}").as_bytes()).await;
    // As a browser reads it.
    answer.body = answer.body.replace("&#x2f;", "/");
    answer
}
