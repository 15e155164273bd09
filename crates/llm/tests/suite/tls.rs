//! Trust: certificates that the system, the user or nobody vouches for.

use std::path::Path;
use std::sync::{Arc, Mutex};

use distiq_base::{Dialect, Message, Request, Secret};
use distiq_llm::provider::{Provider, ProviderConfig, Timeouts};
use distiq_llm::wire::Quirks;
use distiq_llm::{ProviderError, ProviderErrorKind as Kind};
use futures::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::server::{Captured, talk, whole};

const ANSWER: &[u8] = br#"{"id":"m","type":"message","role":"assistant","model":"x",
    "content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",
    "usage":{"input_tokens":1,"output_tokens":1}}"#;

/// A server with a certificate of its own authority.
struct Secure {
    url: String,
    authority_pem: String,
    requests: Arc<Mutex<Vec<Captured>>>,
    /// The protocol that the first connection agreed on.
    protocol: oneshot::Receiver<Option<Vec<u8>>>,
}

async fn start(protocols: &[&str]) -> Secure {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (agreed, protocol) = oneshot::channel();
    let captured = requests.clone();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let Ok(stream) = acceptor.accept(socket).await else { return };
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let speaks_http2 = protocol.as_deref() == Some(b"h2");
        let _ = agreed.send(protocol);
        if !speaks_http2 {
            talk(stream, &[vec![whole("200 OK", "", ANSWER)]], &captured).await;
        }
    });
    Secure { url, authority_pem: authority.pem(), requests, protocol }
}

async fn ask(url: &str, ca_file: Option<&Path>) -> Result<(), ProviderError> {
    let provider = Provider::new(ProviderConfig {
        name: "test".into(),
        dialect: Dialect::Anthropic,
        base_url: url.into(),
        key: Some(Secret::new("sk-0123456789")),
        headers: Vec::new(),
        quirks: Quirks::default(),
        timeouts: Timeouts::default(),
        ca_file: ca_file.map(Path::to_owned),
    });
    let request =
        Request { messages: vec![Message::user("hi")], stream: true, ..Request::default() };
    let mut events = provider.unwrap().stream(&request).await?;
    while let Some(event) = events.next().await {
        event?;
    }
    Ok(())
}

#[tokio::test]
async fn an_authority_of_the_users_own_is_trusted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let server = start(&["http/1.1"]).await;
    std::fs::write(&ca_file, &server.authority_pem).unwrap();
    ask(&server.url, Some(&ca_file)).await.unwrap();
    assert!(server.requests.lock().unwrap()[0].head.contains("x-api-key: sk-0123456789"));

    let stranger = start(&["http/1.1"]).await;
    let error = ask(&stranger.url, Some(&ca_file)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Tls, "{error:?}");
    assert!(!error.is_retryable());
    assert!(stranger.requests.lock().unwrap().is_empty(), "the key was not sent");
}

#[tokio::test]
async fn http2_is_taken_where_it_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let server = start(&["h2", "http/1.1"]).await;
    std::fs::write(&ca_file, &server.authority_pem).unwrap();
    let error = ask(&server.url, Some(&ca_file)).await.unwrap_err();
    assert_eq!(server.protocol.await.unwrap().as_deref(), Some(&b"h2"[..]));
    assert_eq!(error.kind, Kind::Connect, "the server hung up: {error:?}");
}

#[tokio::test]
async fn a_plain_server_or_a_useless_file_is_told_as_such() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = plain.accept().await.unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.pem");
    let error = ask("https://127.0.0.1:1", Some(&missing)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Tls);
    assert!(error.message.contains("none.pem` cannot be read"), "{}", error.message);
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificates here").unwrap();
    let error = ask("https://127.0.0.1:1", Some(&empty)).await.unwrap_err();
    assert!(error.message.contains("holds no PEM certificates"), "{}", error.message);

    let authority = start(&["http/1.1"]).await.authority_pem;
    std::fs::write(&empty, authority).unwrap();
    let error = ask(&url, Some(&empty)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Tls, "{error:?}");
}
