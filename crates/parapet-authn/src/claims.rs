use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The claims of a verified token: an extension of each request that a JWT check or an introspection let pass. Cheap to
/// clone.
///
/// The values are `serde_json`'s, since claims are JSON and everybody has that crate. `Debug` tells the names alone.
#[derive(Clone)]
pub struct JwtClaims(Arc<Inner>);

struct Inner {
    members: Map<String, Value>,
    subject: Option<Arc<str>>,
    issuer: Option<Arc<str>>,
}

impl JwtClaims {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(Arc::from);
        let (subject, issuer) = (text("sub"), text("iss"));
        Self(Arc::new(Inner { members, subject, issuer }))
    }

    /// A claim by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.members.get(name)
    }

    /// `sub` (RFC 7519 §4.1.2), if it is a string.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// All claims.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// The claims as a type of one's own.
    ///
    /// # Errors
    /// They do not have this type's shape.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(Value::Object(self.0.members.clone()))
    }

    pub(crate) fn shared_subject(&self) -> Option<&Arc<str>> {
        self.0.subject.as_ref()
    }

    pub(crate) fn shared_issuer(&self) -> Option<&Arc<str>> {
        self.0.issuer.as_ref()
    }
}

impl fmt::Debug for JwtClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtClaims")?;
        f.debug_list().entries(self.0.members.keys()).finish()
    }
}
