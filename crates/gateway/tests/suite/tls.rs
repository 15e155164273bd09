//! TLS by file: served, and read again.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use distiq_gateway::TlsFiles;
use distiq_testkit::{Answer as Says, Script, ScriptedModel};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::Desk;

fn write_pair(files: &TlsFiles) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&files.certificate, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// Asks over TLS, trusting this certificate alone.
fn ask(desk: &Desk, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(desk.address)?);
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn a_certificate_is_served_and_replaced_without_a_restart() {
    let model = ScriptedModel::start(Script::steps([Says::text("x")])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let first = write_pair(&files);
    let desk = Desk::with(&model, |options| options.tls = Some(files.clone()));
    assert!(ask(&desk, &first).unwrap().starts_with("HTTP/1.1 200"));
    // Plain HTTP gets no answer there, and holds nobody up.
    let mut plain = desk.connect();
    plain.send("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(plain.try_bytes().is_none_or(|bytes| !bytes.starts_with(b"HTTP")));
    fs::write(&files.key, "no key").unwrap();
    assert!(desk.handle.reload().is_err());
    assert!(ask(&desk, &first).is_ok(), "the old one stays");
    let second = write_pair(&files);
    desk.handle.reload().unwrap();
    assert!(ask(&desk, &second).unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(&desk, &first).is_err(), "the old one is not served any more");
}
