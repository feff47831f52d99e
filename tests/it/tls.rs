//! TLS, as clients meet it: with a certificate of the server's own making, with files that change, and with neither.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::harness::client::PASSWORD;
use crate::harness::{TestDrive, folder};

/// What a client trusts that knows this certificate alone.
fn trusting(file: &Path) -> ClientConfig {
    drive::outgoing::install_provider();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

fn connect(
    drive: &TestDrive,
    config: ClientConfig,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).unwrap(),
        TcpStream::connect(drive.address)?,
    );
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn client(file: &Path) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(trusting(file)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_its_own_serves_everything() {
    let drive = TestDrive::spawn_with(&[("DRIVE_TLS_SELF_SIGNED", "true")]);
    let file = drive.data_dir().join("secrets/tls-self-signed.pem");
    let http = client(&file);
    let url = |path: &str| format!("https://localhost:{}{path}", drive.address.port());
    let set_up = json!({ "code": drive.setup_code, "name": "ada", "password": PASSWORD });
    let answer = http.post(url("/api/auth/setup")).json(&set_up).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(header("set-cookie").contains("Secure"));
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    let token = answer.json::<Value>().await.unwrap()["accessToken"].as_str().unwrap().to_owned();
    let me = http.get(url("/api/account")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(me.json::<Value>().await.unwrap()["name"], "ada");
    let sent = http
        .post(url("/api/files/upload/direct?fileName=a.txt"))
        .bearer_auth(&token)
        .body("over TLS")
        .send()
        .await
        .unwrap();
    let id = sent.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let got = http
        .get(url(&format!("/api/files/{id}/content")))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(got.text().await.unwrap(), "over TLS");
    // Readable by its owner alone.
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);

    let mut config = trusting(&file);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = connect(&drive, config).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    // Nobody is served in clear on the same port.
    let plain =
        drive.nobody().http.get(format!("http://{}/health/live", drive.address)).send().await;
    assert!(plain.is_err() || !plain.unwrap().status().is_success());
}

fn write_certificate(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let files = folder();
    write_certificate(files.path());
    let (cert, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let drive = TestDrive::spawn_with(&[
        ("DRIVE_TLS_CERTIFICATE", cert.to_str().unwrap()),
        ("DRIVE_TLS_KEY", key.to_str().unwrap()),
    ]);
    let mut old = connect(&drive, trusting(&cert)).unwrap();
    write_certificate(files.path());
    let patience = std::time::Instant::now();
    while connect(&drive, trusting(&cert)).is_err() {
        assert!(patience.elapsed().as_secs() < 20, "the new certificate is not served");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    // Who was connected before goes on.
    old.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    let _ = old.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_wrong_certificate_stops_the_start_with_a_sentence() {
    let files = folder();
    write_certificate(files.path());
    let text = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let start = |certificate: &str, key: &str| {
        let settings = [("DRIVE_TLS_CERTIFICATE", certificate), ("DRIVE_TLS_KEY", key)];
        let data = folder();
        let config =
            crate::harness::config(data.path(), &settings).map_err(|error| error.to_string())?;
        drive::app::App::open(&config, drive::clock::Clock::default())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let (cert, key) = (text("cert.pem"), text("key.pem"));
    std::fs::write(text("empty.pem"), "").unwrap();
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(text("other.pem"), other).unwrap();
    for (certificate, key, said) in [
        (cert.as_str(), "", "tls.key must be set together"),
        ("/nowhere.pem", key.as_str(), "/nowhere.pem"),
        (&text("empty.pem"), key.as_str(), "no certificate in it"),
        (&cert, &text("empty.pem"), "tls.key"),
        (&cert, &text("other.pem"), "tls.key"),
    ] {
        let error = start(certificate, key).expect_err("the start must fail");
        assert!(error.contains(said), "{certificate} {key}: {error}");
    }
}
