use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::peer::{Client, chain, self_signed};
use crate::{Certificate, ClientAuth, Error, TlsConfig, TlsErrorKind};

struct Ca {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A client certificate with serial `serial`, and a client that shows it.
    fn client(&self, server: &Certificate, serial: u64) -> (CertificateDer<'static>, Client) {
        let mut params = CertificateParams::new(["someone".to_owned()]).unwrap();
        params.serial_number = Some(serial.into());
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (leaf.clone(), Client::identified(&[server], vec![leaf], der))
    }

    /// A list that revokes `serial`.
    fn crl(&self, serial: u64) -> CertificateRevocationListDer<'static> {
        rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2099, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: serial.into(),
                revocation_time: rcgen::date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .unwrap()
        .der()
        .clone()
    }
}

#[tokio::test]
async fn client_certificates_are_verified_as_the_setting_says() {
    let server = self_signed(&["localhost"]);
    let (good, evil) = (Ca::new("good"), Ca::new("evil"));
    let roots = || ClientAuth::roots_from_pem(&good.pem).unwrap();
    let config = |auth| TlsConfig::new(server.clone()).client_auth(auth);
    let require = config(ClientAuth::Require(roots())).build().unwrap();
    let request = config(ClientAuth::Request(roots())).build().unwrap();
    let revoked = config(ClientAuth::Require(roots())).crls([good.crl(7)]).build().unwrap();
    let none = config(ClientAuth::None).build().unwrap();

    let nobody = Client::new(&[&server]);
    let (leaf, friend) = good.client(&server, 6);
    let (_, outcast) = good.client(&server, 7);
    let (_, stranger) = evil.client(&server, 6);
    for (name, acceptor, client, expected) in [
        ("required, absent", &require, &nobody, None),
        ("required, bad", &require, &stranger, None),
        ("required, good", &require, &friend, Some(1)),
        ("optional, absent", &request, &nobody, Some(0)),
        ("optional, bad", &request, &stranger, None),
        ("optional, good", &request, &friend, Some(1)),
        ("revoked", &revoked, &outcast, None),
        ("not revoked", &revoked, &friend, Some(1)),
        ("not asked for", &none, &stranger, Some(0)),
    ] {
        let (served, answer) = client.connect(acceptor, "localhost").await;
        assert_eq!(served.is_ok(), expected.is_some(), "{name}: {served:?}");
        assert_eq!(answer.is_ok(), expected.is_some(), "{name}: {answer:?}");
        if let (Ok(served), Some(expected)) = (served, expected) {
            assert_eq!(served.info.client_certs().len(), expected, "{name}");
            assert!(
                expected == 0 || served.info.client_certs() == std::slice::from_ref(&leaf),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_resumed_session_keeps_the_clients_certificate() {
    let server = self_signed(&["localhost"]);
    let ca = Ca::new("good");
    let auth = ClientAuth::Require(vec![ca.certificate.clone()]);
    let acceptor = TlsConfig::new(server.clone()).client_auth(auth).build().unwrap();
    let (leaf, client) = ca.client(&server, 1);
    let client = client.resuming();
    for resumed in [false, true] {
        let (served, _) = client.connects(&acceptor, "localhost").await;
        assert_eq!(served.info.is_resumed(), resumed);
        assert_eq!(served.info.client_certs(), std::slice::from_ref(&leaf));
    }
}

#[test]
fn roots_that_cannot_be_used_are_named() {
    let server = self_signed(&["localhost"]);
    let config = || TlsConfig::new(server.clone());
    let ca = Ca::new("good");
    let roots = vec![ca.certificate.clone()];
    for (error, kind) in [
        (ClientAuth::roots_from_pem("").unwrap_err(), TlsErrorKind::Roots),
        (
            ClientAuth::roots_from_pem("-----BEGIN CERTIFICATE-----\n!").unwrap_err(),
            TlsErrorKind::Pem,
        ),
        (ClientAuth::roots_from_pem_file("/nowhere/ca.pem").unwrap_err(), TlsErrorKind::Io),
        (
            config().client_auth(ClientAuth::Require(Vec::new())).build().unwrap_err(),
            TlsErrorKind::Roots,
        ),
        (
            config()
                .client_auth(ClientAuth::Request(vec![CertificateDer::from(vec![1, 2])]))
                .build()
                .unwrap_err(),
            TlsErrorKind::Roots,
        ),
        (
            config()
                .client_auth(ClientAuth::Require(roots))
                .crls([vec![1].into()])
                .build()
                .unwrap_err(),
            TlsErrorKind::Provider,
        ),
    ] {
        assert!(
            matches!(error, Error::Tls { kind: got, .. } if got == kind),
            "{kind:?}: {}",
            chain(&error)
        );
    }
}
