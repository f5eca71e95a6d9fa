use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

/// A cipher suite, by its IANA name. All of them have forward secrecy and authenticated encryption.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CipherSuite {
    /// `TLS_AES_256_GCM_SHA384` (TLS 1.3).
    Aes256Gcm,
    /// `TLS_AES_128_GCM_SHA256` (TLS 1.3).
    Aes128Gcm,
    /// `TLS_CHACHA20_POLY1305_SHA256` (TLS 1.3).
    ChaCha20Poly1305,
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384` (TLS 1.2).
    EcdheEcdsaAes256Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` (TLS 1.2).
    EcdheEcdsaAes128Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256` (TLS 1.2).
    EcdheEcdsaChaCha20Poly1305,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` (TLS 1.2).
    EcdheRsaAes256Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` (TLS 1.2).
    EcdheRsaAes128Gcm,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256` (TLS 1.2).
    EcdheRsaChaCha20Poly1305,
}

impl CipherSuite {
    pub(crate) fn rustls(self) -> SupportedCipherSuite {
        match self {
            Self::Aes256Gcm => suite::TLS13_AES_256_GCM_SHA384,
            Self::Aes128Gcm => suite::TLS13_AES_128_GCM_SHA256,
            Self::ChaCha20Poly1305 => suite::TLS13_CHACHA20_POLY1305_SHA256,
            Self::EcdheEcdsaAes256Gcm => suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            Self::EcdheEcdsaAes128Gcm => suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            Self::EcdheEcdsaChaCha20Poly1305 => {
                suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            }
            Self::EcdheRsaAes256Gcm => suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            Self::EcdheRsaAes128Gcm => suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            Self::EcdheRsaChaCha20Poly1305 => suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        }
    }
}
