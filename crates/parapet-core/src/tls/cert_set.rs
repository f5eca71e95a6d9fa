use std::collections::HashMap;
use std::time::SystemTime;

use rustls::SignatureScheme;

use super::certificate::Certificate;

/// Certificates by server name: a value that is swapped as a whole.
///
/// Names are lower-cased; a wildcard stands under its own text (`*.example.com`). No list is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertSet {
    by_name: HashMap<Box<str>, Vec<Certificate>>,
    /// For clients that send no name or an unknown one: the first certificate that was given, and those with exactly its
    /// names (another kind of key). Empty: no default.
    default: Vec<Certificate>,
}

impl CertSet {
    /// Each certificate under its own names; the first is the default.
    pub(crate) fn new(certificates: impl IntoIterator<Item = Certificate>) -> Self {
        let mut set = Self::default();
        for certificate in certificates {
            let is_default = set
                .default
                .first()
                .is_none_or(|first| first.dns_names().eq(certificate.dns_names()));
            if is_default {
                set.default.push(certificate.clone());
            }
            for name in certificate.dns_names() {
                set.by_name.entry(name.into()).or_default().push(certificate.clone());
            }
        }
        set
    }

    /// `certificate` alone under `name`. Where it takes the default's place under a name, it becomes the default too:
    /// else clients without a server name would get the old one until it expires.
    pub(crate) fn set(&mut self, name: &str, certificate: Certificate) {
        let replaced = self.by_name.insert(normal(name), vec![certificate.clone()]);
        let was_default = replaced
            .iter()
            .flatten()
            .any(|old| self.default.iter().any(|default| default.is_same(old)));
        if was_default || self.default.is_empty() {
            self.default = vec![certificate];
        }
    }

    /// `certificate` beside those that `name` has.
    pub(crate) fn add(&mut self, name: &str, certificate: Certificate) {
        if self.default.is_empty() {
            self.default.push(certificate.clone());
        }
        self.by_name.entry(normal(name)).or_default().push(certificate);
    }

    /// Whether there was one.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.by_name.remove(&normal(name)).is_some()
    }

    /// A new load of a certificate in the old one's places, and under the names that it has gained.
    pub(crate) fn renew(&mut self, old: &Certificate, new: &Certificate) {
        for certificate in &mut self.default {
            if certificate.is_same(old) {
                *certificate = new.clone();
            }
        }
        self.by_name.retain(|name, certificates| {
            let keeps = new.dns_names().any(|own| own == &**name);
            if let Some(place) =
                certificates.iter().position(|certificate| certificate.is_same(old))
            {
                match certificates.get_mut(place) {
                    Some(certificate) if keeps => *certificate = new.clone(),
                    _ => drop(certificates.remove(place)),
                }
            }
            !certificates.is_empty()
        });
        for name in new.dns_names() {
            let certificates = self.by_name.entry(name.into()).or_default();
            if !certificates.iter().any(|certificate| certificate.is_same(new)) {
                certificates.push(new.clone());
            }
        }
    }

    /// The certificate for `name` (lower-cased), exact before wildcard, whose key fits `schemes`.
    pub(crate) fn named(&self, name: &str, schemes: &[SignatureScheme]) -> Option<&Certificate> {
        let fitting = |name: &str| {
            self.by_name.get(name)?.iter().find(|certificate| certificate.fits(schemes))
        };
        fitting(name).or_else(|| fitting(&wildcard(name)?))
    }

    /// All certificates for `name` (lower-cased), exact before wildcard.
    pub(crate) fn all_named(&self, name: &str) -> Option<&[Certificate]> {
        let certificates =
            self.by_name.get(name).or_else(|| self.by_name.get(wildcard(name)?.as_str()))?;
        Some(certificates)
    }

    /// The default, and those that stand in beside it.
    pub(crate) fn default_certificates(&self) -> &[Certificate] {
        &self.default
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.default.is_empty()
    }

    /// Every certificate once.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        let mut all: Vec<Certificate> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for certificate in self.default.iter().chain(self.by_name.values().flatten()) {
            if seen.insert(std::sync::Arc::as_ptr(certificate.key())) {
                all.push(certificate.clone());
            }
        }
        all
    }

    /// Each name with the earliest expiry among its certificates, sorted by name. A default without DNS names stands
    /// under the empty name.
    pub(crate) fn expiries(&self) -> Vec<(String, SystemTime)> {
        let nameless: Vec<Certificate> = self
            .default
            .iter()
            .filter(|certificate| certificate.dns_names().len() == 0)
            .cloned()
            .collect();
        let mut expiries: Vec<(String, SystemTime)> = self
            .by_name
            .iter()
            .map(|(name, certificates)| (&**name, certificates))
            .chain([("", &nameless)])
            .filter_map(|(name, certificates)| {
                Some((name.to_owned(), certificates.iter().map(Certificate::not_after).min()?))
            })
            .collect();
        expiries.sort_unstable();
        expiries
    }
}

/// The wildcard that covers `name` by its one leftmost label (RFC 9525 §6.3). None for a name of one label.
pub(crate) fn wildcard(name: &str) -> Option<String> {
    let (label, parent) = name.split_once('.')?;
    (!label.is_empty() && !parent.is_empty()).then(|| format!("*.{parent}"))
}

/// A name as it is kept: lower-cased, without the dot of a full name.
pub(crate) fn normal(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}
