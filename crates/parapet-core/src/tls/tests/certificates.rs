use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};

use super::peer::{chain, self_signed, self_signed_with};
use crate::{
    Certificate, Error, KeyType, SelfSign, TlsErrorKind, generate_self_sign_certificate, time,
};

fn pem() -> (String, String) {
    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (generated.cert.pem(), generated.signing_key.serialize_pem())
}

#[test]
fn each_flaw_of_pem_has_its_kind_and_its_file() {
    use TlsErrorKind as Kind;
    let folder = tempfile::tempdir().unwrap();
    let (chain_pem, key_pem) = pem();
    let (other_chain, _) = pem();
    let garbage = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned();
    let not_a_cert = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n".to_owned();
    let both = format!("{key_pem}{chain_pem}");
    for (name, chain_text, key_text, expected) in [
        ("good", &chain_pem, &key_pem, None),
        ("one file", &both, &both, None),
        ("no certificate", &key_pem, &key_pem, Some((Kind::NoCertificate, "chain"))),
        ("empty", &String::new(), &key_pem, Some((Kind::NoCertificate, "chain"))),
        ("no key", &chain_pem, &chain_pem, Some((Kind::NoPrivateKey, "key"))),
        ("garbage", &garbage, &key_pem, Some((Kind::Pem, "chain"))),
        ("no X.509", &not_a_cert, &key_pem, Some((Kind::Unsupported, "chain"))),
        ("no key inside", &chain_pem, &not_a_key, Some((Kind::Unsupported, "key"))),
        ("of another", &other_chain, &key_pem, Some((Kind::KeyMismatch, "key"))),
    ] {
        let (chain_path, key_path) = (folder.path().join("chain"), folder.path().join("key"));
        std::fs::write(&chain_path, chain_text).unwrap();
        std::fs::write(&key_path, key_text).unwrap();
        let of_files = Certificate::from_pem_files(&chain_path, &key_path);
        let of_text = Certificate::from_pem(chain_text, key_text);
        let Some((kind, file)) = expected else {
            assert_eq!(of_files.unwrap().dns_names().collect::<Vec<_>>(), ["localhost"], "{name}");
            assert!(of_text.is_ok(), "{name}");
            continue;
        };
        let error = of_files.unwrap_err();
        assert!(
            matches!(&error, Error::Tls { kind: got, path: Some(path), .. }
                if *got == kind && path.ends_with(file)),
            "{name}: {error:?}"
        );
        assert!(error.to_string().contains(&format!("/{file})")), "{error}");
        assert!(
            matches!(of_text.unwrap_err(), Error::Tls { kind: got, path: None, .. } if got == kind),
            "{name}"
        );
    }
    let missing = Certificate::from_pem_files(folder.path().join("none"), folder.path().join("x"));
    let error = missing.unwrap_err();
    assert!(matches!(error, Error::Tls { kind: Kind::Io, .. }), "{error:?}");
    assert!(chain(&error).contains("none"), "{}", chain(&error));
}

#[test]
fn der_and_the_usual_kinds_of_keys_are_taken() {
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
    ] {
        let der = params.self_signed(&key).unwrap().der().clone();
        assert!(Certificate::from_der([der.clone()], &key.serialize_der()).is_ok());
        let error = Certificate::from_der([der], b"no key").unwrap_err();
        assert!(matches!(error, Error::Tls { kind: TlsErrorKind::NoPrivateKey, .. }));
    }
    let none = Certificate::from_der([], &KeyPair::generate().unwrap().serialize_der());
    assert!(matches!(none.unwrap_err(), Error::Tls { kind: TlsErrorKind::NoCertificate, .. }));
}

#[test]
fn an_expired_certificate_loads() {
    let hour = Duration::from_secs(3_600);
    let settings = SelfSign::new()
        .hosts(["old.example"])
        .not_before(time::date() - 3 * hour)
        .not_after(time::date() - hour);
    let certificate = generate_self_sign_certificate(settings).unwrap();
    assert!(certificate.not_after() < time::date());
}

#[test]
fn a_self_signed_certificate_is_what_its_settings_say() {
    let second = Duration::from_secs(1);
    let year = Duration::from_secs(365 * 86_400);
    let certificate = self_signed(&["localhost", "127.0.0.1", "*.Example.com"]);
    let left = certificate.not_after().duration_since(time::date()).unwrap();
    assert!(left > 9 * year && left < 11 * year, "{left:?}");
    assert_eq!(certificate.dns_names().collect::<Vec<_>>(), ["*.example.com", "localhost"]);
    for (host, covered) in [
        ("localhost", true),
        ("LOCALHOST", true),
        ("127.0.0.1", true),
        ("a.example.com", true),
        ("a.b.example.com", false),
        ("127.0.0.2", false),
        ("example.com", false),
        ("", false),
    ] {
        assert_eq!(certificate.covers(host), covered, "{host}");
    }

    // In the years that are written with two and with four digits.
    for days in [365, 365 * 40] {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + days * 86_400);
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let settings = SelfSign::new().not_before(begin).not_after(end);
        let not_after = generate_self_sign_certificate(settings).unwrap().not_after();
        assert!(not_after <= end + second && end <= not_after + second, "{not_after:?}");
    }
}

#[test]
fn settings_that_make_no_certificate_are_named() {
    let now = time::date();
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    for (settings, expected) in [
        (SelfSign::new().hosts(["bücher.example"]), "hosts is \"bücher.example\""),
        (SelfSign::new().not_before(now).not_after(now), "not_after is"),
        (SelfSign::new().not_after(far), "not_after is past the year 9999"),
        (SelfSign::new().not_before(long_ago), "not_before is before 1970"),
    ] {
        let error = generate_self_sign_certificate(settings).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn two_certificates_have_two_serials() {
    for key_type in [KeyType::EcdsaP256, KeyType::Rsa2048, KeyType::Ed25519] {
        let serial = |certificate: &Certificate| {
            let der = &certificate.chain()[0];
            // Version, then the serial: 16 bytes, perhaps one more for the sign, perhaps fewer.
            der.windows(5)
                .position(|bytes| bytes == [0xa0, 3, 2, 1, 2])
                .map(|at| der[at + 5..at + 7 + usize::from(der[at + 6])].to_vec())
        };
        let (a, b) = (self_signed_with(&["a"], key_type), self_signed_with(&["a"], key_type));
        assert_ne!(serial(&a).unwrap(), serial(&b).unwrap(), "{key_type:?}");
        assert!(serial(&a).unwrap().len() > 12);
    }
}
