use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber, SignatureAlgorithm,
};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::certificate::Certificate;
use super::provider::provider;
use crate::{BoxError, Error, TlsErrorKind, time};

/// What [`generate_self_sign_certificate`] makes. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct SelfSign {
    common_name: Option<String>,
    hosts: Vec<String>,
    not_before: Option<SystemTime>,
    not_after: Option<SystemTime>,
    key_type: KeyType,
}

impl SelfSign {
    /// All defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Common name of subject and issuer. Default: the first host, or `parapet`.
    #[must_use]
    pub fn common_name(self, name: impl Into<String>) -> Self {
        Self { common_name: Some(name.into()), ..self }
    }

    /// Names and addresses that the certificate is for: an IP address becomes an IP name, all else a DNS name
    /// (RFC 5280 §4.2.1.6). Default: none, which no client accepts for any host.
    #[must_use]
    pub fn hosts(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { hosts: hosts.into_iter().map(Into::into).collect(), ..self }
    }

    /// Begin of the validity. Default: an hour ago, for clients whose clock is behind.
    #[must_use]
    pub fn not_before(self, date: SystemTime) -> Self {
        Self { not_before: Some(date), ..self }
    }

    /// End of the validity. Default: 10 years (3,652 days) from now.
    #[must_use]
    pub fn not_after(self, date: SystemTime) -> Self {
        Self { not_after: Some(date), ..self }
    }

    /// Kind of key. Default: [`KeyType::EcdsaP256`].
    #[must_use]
    pub fn key_type(self, key_type: KeyType) -> Self {
        Self { key_type, ..self }
    }

    fn params(&self) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = self.common_name.as_ref().or(self.hosts.first());
        params
            .distinguished_name
            .push(DnType::CommonName, name.map_or("parapet", |name| name.as_str()));
        params.subject_alt_names =
            self.hosts.iter().map(|host| alt_name(host)).collect::<Result<_, _>>()?;
        let now = time::date();
        let not_before = self.not_before.unwrap_or_else(|| before(now, Duration::from_secs(3_600)));
        let not_after = self.not_after.unwrap_or(now + Duration::from_secs(3_652 * 86_400));
        if not_after <= not_before {
            return Err(Error::Setting {
                name: "not_after",
                value: text(not_after),
                allowed: "a date after not_before",
            });
        }
        params.not_before = offset(not_before, "not_before")?;
        params.not_after = offset(not_after, "not_after")?;
        params.serial_number = Some(serial_number()?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if self.key_type == KeyType::Rsa2048 {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }
}

/// Kind of a generated key.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// ECDSA on P-256. Every client since TLS 1.2 takes it, and a full handshake costs a thirtieth of the signing time
    /// of RSA-2048 (23 against 664 µs on one core).
    #[default]
    EcdsaP256,
    /// RSA of 2,048 bits: what the Go original makes.
    Rsa2048,
    /// Ed25519. Browsers do not take it.
    Ed25519,
}

impl KeyType {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

/// Makes a key and a certificate that is signed by it, for tests, development and links between own machines.
///
/// Serial: 128 random bits. Key usage digitalSignature (RSA: keyEncipherment too), extended key usage serverAuth, no CA
/// (RFC 5280 §4.2.1). The key never leaves the process.
///
/// ```
/// use parapet_core::{SelfSign, generate_self_sign_certificate};
/// let settings = SelfSign::new().common_name("edge").hosts(["localhost", "127.0.0.1"]);
/// let certificate = generate_self_sign_certificate(settings)?;
/// assert!(certificate.covers("localhost") && certificate.covers("127.0.0.1"));
/// # Ok::<(), parapet_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for a host that is neither an address nor ASCII and for dates in the wrong order or past the year
/// 9999; [`TlsErrorKind::Provider`] if the system gives no random numbers.
#[expect(clippy::needless_pass_by_value, reason = "settings are made for one call")]
pub fn generate_self_sign_certificate(settings: SelfSign) -> Result<Certificate, Error> {
    let params = settings.params()?;
    let key = KeyPair::generate_for(settings.key_type.algorithm()).map_err(provider_error)?;
    let certificate = params.self_signed(&key).map_err(provider_error)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Certificate::generated(certificate.der().clone(), key.into())
}

fn alt_name(host: &str) -> Result<SanType, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    host.try_into().map(SanType::DnsName).map_err(|_| Error::Setting {
        name: "hosts",
        value: format!("{host:?}"),
        allowed: "an IP address or a DNS name in ASCII (xn-- for other letters)",
    })
}

/// The date in the certificate library's type.
fn offset<T: From<SystemTime>>(date: SystemTime, name: &'static str) -> Result<T, Error> {
    let since = date.duration_since(SystemTime::UNIX_EPOCH);
    if since.is_err() || since.is_ok_and(|since| since.as_secs() >= YEAR_10000) {
        return Err(Error::Setting {
            name,
            value: text(date),
            allowed: "a date from 1970 to 9999",
        });
    }
    Ok(T::from(date))
}

fn text(date: SystemTime) -> String {
    match date.duration_since(SystemTime::UNIX_EPOCH) {
        Err(_) => "before 1970".into(),
        Ok(since) if since.as_secs() >= YEAR_10000 => "past the year 9999".into(),
        Ok(_) => httpdate::fmt_http_date(date),
    }
}

fn before(date: SystemTime, span: Duration) -> SystemTime {
    date.checked_sub(span).unwrap_or(date)
}

/// Where the dates of certificates end (RFC 5280 §4.1.2.5), in seconds; the conversion would panic past it.
const YEAR_10000: u64 = 253_402_300_800;

fn serial_number() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| provider_error("no random numbers from the system"))?;
    Ok(SerialNumber::from_slice(&bytes))
}

fn provider_error(source: impl Into<BoxError>) -> Error {
    Error::Tls { path: None, kind: TlsErrorKind::Provider, source: Some(source.into()) }
}
