use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::peer::{Client, chain, self_signed};
use crate::tls::acceptor::{self, TlsAcceptError};
use crate::{CipherSuite, TlsConfig, TlsErrorKind, TlsVersion};

#[tokio::test]
async fn tls_1_2_and_1_3_pass_and_what_was_negotiated_is_told() {
    let certificate = self_signed(&["localhost"]);
    let acceptor = TlsConfig::new(certificate.clone()).build().unwrap();
    for (version, number, text) in [
        (&TLS12, ProtocolVersion::TLSv1_2, "TLSv1.2"),
        (&TLS13, ProtocolVersion::TLSv1_3, "TLSv1.3"),
    ] {
        let client = Client::version(&[&certificate], version);
        let (served, answer) = client.connects(&acceptor, "LOCALHOST").await;
        assert_eq!(answer.version, number);
        assert_eq!(answer.body, b"hello", "closed by close_notify");
        assert_eq!(answer.alpn.as_deref(), Some(&b"h2"[..]));
        assert_eq!(served.info.version(), text);
        assert_eq!(served.info.server_name(), Some("localhost"));
        assert_eq!(served.info.alpn(), Some(&b"h2"[..]));
        assert!(!served.info.is_resumed());
        assert!(served.info.client_certs().is_empty());
        assert!(served.info.cipher_suite().starts_with("TLS"), "{:?}", served.info);
        assert!(served.check.is_off());
    }
}

#[tokio::test]
async fn the_hybrid_key_exchange_is_taken_when_it_is_offered() {
    let certificate = self_signed(&["localhost"]);
    let acceptor = TlsConfig::new(certificate.clone()).build().unwrap();
    let (_, answer) = Client::new(&[&certificate]).connects(&acceptor, "localhost").await;
    assert_eq!(answer.group, Some(NamedGroup::X25519MLKEM768));
}

#[tokio::test]
async fn versions_and_suites_below_the_settings_are_refused() {
    let certificate = self_signed(&["localhost"]);
    let old = Client::version(&[&certificate], &TLS12);
    let new = Client::version(&[&certificate], &TLS13);
    let config = || TlsConfig::new(certificate.clone());
    for (name, config, old_passes, new_passes) in [
        ("1.3 only", config().min_version(TlsVersion::V1_3), false, true),
        ("a suite of 1.2", config().cipher_suites([CipherSuite::EcdheEcdsaAes128Gcm]), true, false),
        ("a suite for RSA", config().cipher_suites([CipherSuite::EcdheRsaAes128Gcm]), false, false),
        ("a suite of 1.3", config().cipher_suites([CipherSuite::ChaCha20Poly1305]), false, true),
    ] {
        let acceptor = config.build().unwrap();
        for (client, passes) in [(&old, old_passes), (&new, new_passes)] {
            let (served, answer) = client.connect(&acceptor, "localhost").await;
            assert_eq!((served.is_ok(), answer.is_ok()), (passes, passes), "{name}");
        }
    }
}

#[tokio::test]
async fn tls_1_1_gets_a_fatal_alert() {
    let acceptor = TlsConfig::new(self_signed(&["localhost"])).build().unwrap();
    let signature_algorithms = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    // Clients of that time have no such extension, which is noticed before the version.
    for (extensions, alert) in [(&signature_algorithms[..], 70), (&[], 40)] {
        let length = 41 + u8::try_from(extensions.len()).unwrap();
        let mut hello = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length, 3, 2];
        hello.extend([7; 32]); // random
        hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]); // no session, one suite, no compression
        hello.extend(extensions);
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(&hello).await.unwrap();
        let error = acceptor.accept(server, None).await.map(drop).unwrap_err();
        assert!(matches!(error, TlsAcceptError::Handshake(_)), "{error:?}");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, [0x15, 3, 3, 0, 2, 2, alert], "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_is_given_back_with_its_bytes() {
    let acceptor = TlsConfig::new(self_signed(&["localhost"])).build().unwrap();
    let (mut client, server) = tokio::io::duplex(1024);
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let error = acceptor.accept(server, None).await.map(drop).unwrap_err();
    let TlsAcceptError::NotTls { mut io, read } = error else { panic!("{error:?}") };
    assert_eq!(read, b"GET / HTTP/1.1\r\n");
    io.write_all(b"no").await.unwrap();
    drop(io);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "no");
}

#[tokio::test]
async fn a_hello_in_small_pieces_is_read_and_half_of_one_is_an_early_end() {
    let certificate = self_signed(&["localhost"]);
    let acceptor = TlsConfig::new(certificate.clone()).build().unwrap();
    let (mut client, server) = tokio::io::duplex(1);
    let accept = tokio::spawn({
        let acceptor = acceptor.clone();
        async move { acceptor.accept(server, None).await.map(drop) }
    });
    client.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
    drop(client);
    let error = accept.await.unwrap().unwrap_err();
    assert!(chain(&error).contains("unexpected end of file"), "{}", chain(&error));

    let connector =
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(Client::new(&[&certificate]).config));
    let (client, server) = tokio::io::duplex(16);
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let client = async {
        let mut stream = connector.connect(name, client).await?;
        // The server has tickets to send before it is through.
        stream.read_to_end(&mut Vec::new()).await
    };
    let server = async {
        let mut session = acceptor.accept(server, None).await.map_err(|error| chain(&error))?;
        acceptor::close(&mut session.stream).await;
        Ok::<_, String>(())
    };
    let both = async { tokio::join!(client, server) };
    let (client, server) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    client.unwrap();
    server.unwrap();
}

#[tokio::test]
async fn alpn_without_a_common_protocol_is_refused() {
    let certificate = self_signed(&["localhost"]);
    let client = Client::new(&[&certificate]);
    for (ours, theirs, agreed) in [
        (&["h2", "http/1.1"][..], &["http/1.1", "h2"][..], Ok(Some("h2"))),
        (&["http/1.1"], &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (&["h2"], &[], Ok(None)),
        (&[], &["h2"], Ok(None)),
        (&["h2"], &["http/1.1"], Err("NoApplicationProtocol")),
    ] {
        let config = TlsConfig::new(certificate.clone()).alpn(ours.iter().copied());
        let acceptor = config.build().unwrap();
        let client = client.clone().alpn(theirs);
        let (_, answer) = client.connect(&acceptor, "localhost").await;
        match (answer, agreed) {
            (Ok(answer), Ok(agreed)) => {
                assert_eq!(
                    answer.alpn.as_deref(),
                    agreed.map(str::as_bytes),
                    "{ours:?} {theirs:?}"
                );
            }
            (Err(error), Err(alert)) => assert!(error.contains(alert), "{error}"),
            (answer, agreed) => panic!("{ours:?} {theirs:?} {answer:?} {agreed:?}"),
        }
    }
}

#[tokio::test]
async fn stapled_bytes_arrive() {
    let certificate = self_signed(&["localhost"]).ocsp(*b"a response");
    let acceptor = TlsConfig::new(certificate.clone()).build().unwrap();
    let (_, answer) = Client::new(&[&certificate]).connects(&acceptor, "localhost").await;
    assert_eq!(answer.staple, b"a response");
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let certificate = self_signed(&["localhost"]);
    let config = || TlsConfig::new(certificate.clone());
    let rustls = || TlsConfig::from_rustls(config().build().unwrap().root_config());
    let empty = crate::CertStore::from_certs([]);
    for (config, expected) in [
        (config().alpn([""]), "alpn is 0 bytes"),
        (config().alpn(["x".repeat(256)]), "alpn is 256 bytes"),
        (config().cipher_suites([]), "the TLS settings do not fit together"),
        (config().crls([vec![0].into()]), "crls is 1 lists"),
        (config().host("not a name", config()), "host is \"not a name\""),
        (config().host("*.*.example", config()), "host is \"*.*.example\""),
        (config().host("a", config().host("b", config())), "without hosts of its own"),
        (config().host("a", config()).host("A.", config()), "one configuration per name"),
        (config().host("a", TlsConfig::new(empty.clone())), "there is no certificate"),
        (TlsConfig::new(empty.clone()), "there is no certificate"),
        (rustls().session_tickets(false), "session_tickets is set beside"),
    ] {
        let error = config.build().unwrap_err();
        assert!(chain(&error).contains(expected), "{}", chain(&error));
    }
    let error = TlsConfig::new(empty).build().unwrap_err();
    assert!(matches!(
        error,
        crate::Error::Tls { kind: TlsErrorKind::NoCertificate, path: None, .. }
    ));
    assert!(rustls().strict_sni(true).host("a", config()).build().is_ok());
}

#[test]
fn everything_public_is_send_sync_and_debug_and_tells_no_key() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<crate::Certificate>();
    check::<crate::CertStore>();
    check::<crate::CertFiles>();
    check::<crate::ClientAuth>();
    check::<crate::ClientHello>();
    check::<crate::SelfSign>();
    check::<TlsConfig>();

    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = generated.signing_key.serialize_der();
    let certificate = crate::Certificate::from_der([generated.cert.der().clone()], &key).unwrap();
    let config = TlsConfig::new(certificate.clone()).host("a", TlsConfig::new(certificate));
    let text = format!("{config:?} {:?}", config.build().unwrap());
    assert!(text.contains("localhost"), "{text}");
    // The key as a list of numbers, as a derived Debug would print it.
    let secret = format!("{:?}", &key[40..60]);
    let secret = secret.trim_matches(['[', ']']);
    assert!(!text.contains(secret) && !text.to_lowercase().contains("private"), "{text}");
}
