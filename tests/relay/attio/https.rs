//! Attio is spoken to over HTTPS, and only where its certificate is trusted.

use std::{io, net::SocketAddr, sync::Arc};

use attio_relay::http::{fake_attio::TOKEN, tls};
use rcgen::CertifiedKey;
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{
    commands::{program::Folder, small},
    support::fake_attio::TestAttio,
};

/// An end of TLS before the fake Attio, and the certificate that it shows.
struct Front {
    port: u16,
    certificate: String,
}

impl Front {
    async fn before(attio: &TestAttio) -> Self {
        let names = ["localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = attio.base_url().strip_prefix("http://").unwrap().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass_on(acceptor.clone(), stream, behind));
            }
        });
        Self { port, certificate: cert.pem() }
    }

    /// A configuration that asks Attio here.
    fn folder(&self) -> Folder {
        let url = format!("https://localhost:{}", self.port);
        let attio = format!("[attio]\ntoken = \"env:TOKEN\"\nbase_url = \"{url}\"\n");
        small(&attio).env("TOKEN", TOKEN)
    }
}

async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut inside = acceptor.accept(stream).await?;
    let mut outside = TcpStream::connect(to).await?;
    tokio::io::copy_bidirectional(&mut inside, &mut outside).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn attio_is_asked_over_https_with_the_certificates_of_the_machine() {
    let attio = TestAttio::start().await;
    let front = Front::before(&attio).await;
    let folder = front.folder();
    let trusted = folder.path("ca.pem");
    std::fs::write(&trusted, &front.certificate).unwrap();
    let run = folder.env("SSL_CERT_FILE", trusted.to_str().unwrap()).run(&["check", "--online"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("Attio: the token is of the workspace \""), "{run}");
    assert!(!attio.requests_to("GET", "/v2/self").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_never_sees_the_token() {
    let attio = TestAttio::start().await;
    let front = Front::before(&attio).await;
    let run = front.folder().run(&["check", "--online"]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.err.contains("Attio cannot be asked: could not connect to Attio"), "{run}");
    assert!(run.err.contains("certificate") && !run.err.contains(TOKEN), "{run}");
    assert!(attio.requests().is_empty());
}
