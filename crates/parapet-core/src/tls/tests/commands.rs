//! The machine's own curl and openssl as peers.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peer::self_signed_with;
use crate::tls::acceptor;
use crate::{Certificate, KeyType, SelfSign, TlsConfig, generate_self_sign_certificate};

fn openssl(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn x509(certificate: &Certificate, args: &[&str]) -> String {
    let args = [&["x509", "-inform", "DER"], args].concat();
    let output = openssl(&args, &certificate.chain()[0]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_self_signed_certificate_reads_as_it_should() {
    let settings = SelfSign::new().common_name("test").hosts(["localhost", "127.0.0.1", "::1"]);
    let ecdsa = generate_self_sign_certificate(settings.clone()).unwrap();
    let rsa = generate_self_sign_certificate(settings.key_type(KeyType::Rsa2048)).unwrap();
    let ecdsa = x509(&ecdsa, &["-noout", "-text"]);
    let rsa = x509(&rsa, &["-noout", "-text"]);
    for text in [&ecdsa, &rsa] {
        for line in [
            "Version: 3",
            "Subject: CN = test",
            "Issuer: CN = test",
            "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
            "CA:FALSE",
            "TLS Web Server Authentication",
            "Digital Signature",
        ] {
            assert!(
                text.contains(line) || text.contains(&line.replace(" = ", "=")),
                "{line}\n{text}"
            );
        }
    }
    assert!(ecdsa.contains("NIST CURVE: P-256") && !ecdsa.contains("Key Encipherment"), "{ecdsa}");
    assert!(rsa.contains("(2048 bit)") && rsa.contains("Key Encipherment"), "{rsa}");
}

#[tokio::test]
async fn curl_with_the_certificate_as_its_root_connects() {
    for key_type in [KeyType::EcdsaP256, KeyType::Rsa2048] {
        let certificate = self_signed_with(&["localhost", "127.0.0.1"], key_type);
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root.pem");
        std::fs::write(&root, x509(&certificate, &["-outform", "PEM"])).unwrap();
        let acceptor = TlsConfig::new(certificate).build().unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("https://{host}:{}/", listener.local_addr().unwrap().port());
            let root = root.clone();
            let curl = tokio::task::spawn_blocking(move || {
                Command::new("curl")
                    .args(["-sS", "-4", "--http1.1", "--max-time", "30", "--cacert"])
                    .arg(root)
                    .arg(url)
                    .output()
                    .expect("this test needs the program curl")
            });
            let serve = async {
                let (io, peer) = listener.accept().await.unwrap();
                let mut session = acceptor.accept(io, Some(peer)).await.unwrap();
                let mut head = [0; 1024];
                assert!(session.stream.read(&mut head).await.unwrap() > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                session.stream.write_all(answer).await.unwrap();
                acceptor::close(&mut session.stream).await;
                session.info
            };
            let both = async { tokio::join!(serve, curl) };
            let (info, output) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
            let output = output.unwrap();
            assert_eq!(output.stdout, b"ok", "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(info.server_name(), (host == "localhost").then_some(host));
        }
    }
}
