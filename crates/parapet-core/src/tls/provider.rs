use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The provider of everything here, named explicitly: a process default that another crate installed, or two providers
/// in one build, change nothing for us.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        use aws_lc_rs::kx_group;
        let mut provider = aws_lc_rs::default_provider();
        // Fixed here, so that a feature of rustls that somebody else turns on cannot reorder it.
        provider.kx_groups = vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ];
        Arc::new(provider)
    });
    &PROVIDER
}
