//! HTTPS in process.

use std::{path::Path, sync::Arc};

use rcgen::{CertifiedKey, KeyPair};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::support::{
    app::{TestApp, configuration, eventually},
    client::Message,
    database::TestDatabase,
};

/// Writes a fresh certificate and its key, and returns what a client must trust.
pub fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let names = ["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let signing_key: KeyPair = signing_key;
    std::fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// A relay that speaks HTTPS with the certificate in the folder.
async fn start(db: &TestDatabase, folder: &Path) -> TestApp {
    let folder = folder.display();
    let server =
        format!("[server]\ntls = {{ cert = \"{folder}/tls.crt\", key = \"{folder}/tls.key\" }}\n");
    let app = TestApp::start_unready(&configuration(db.url(), &server)).await;
    app.eventually("it is ready", async || app.admin.get("/readyz").await.status == 200).await;
    app
}

/// Posts over HTTPS, trusting one certificate only.
async fn post(
    app: &TestApp,
    trusted: &CertificateDer<'static>,
    message: &Message,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(attio_relay::http::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(app.client.address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
    stream.write_all(&message.clone().header("Connection", "close").request()).await?;
    let mut answer = String::new();
    // The other end may close without saying so in TLS.
    let _end = stream.read_to_string(&mut answer).await;
    Ok(answer)
}

#[tokio::test]
async fn messages_are_taken_over_https() {
    let (db, folder) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    let certificate = write_certificate(folder.path());
    let app = start(&db, folder.path()).await;
    let answer = post(&app, &certificate, &Message::event("task.created")).await.unwrap();
    assert!(answer.ends_with(r#"{"status":"accepted"}"#), "{answer}");
    app.stop().await;
}

#[tokio::test]
async fn a_changed_certificate_is_used_without_a_restart() {
    let (db, folder) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    let before = write_certificate(folder.path());
    let app = start(&db, folder.path()).await;
    let after = write_certificate(folder.path());
    eventually("the new certificate is shown", async || {
        post(&app, &after, &Message::event("task.created")).await.is_ok()
    })
    .await;
    assert!(post(&app, &before, &Message::event("task.created")).await.is_err());
    app.stop().await;
}

#[tokio::test]
async fn plain_http_is_no_way_in_where_https_is_spoken() {
    let (db, folder) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    write_certificate(folder.path());
    let app = start(&db, folder.path()).await;
    let mut connection = app.connect().await;
    connection.send(Message::event("task.created").request()).await;
    connection.closed().await;
    app.stop().await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 0);
}
