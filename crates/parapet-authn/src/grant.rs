use http::{HeaderName, HeaderValue};
use parapet_core::RequestHead;

use crate::{Identity, JwtClaims};

/// What a success adds to the request: who it is, and edits of its header fields. Default: nothing.
///
/// A client that names a field of the grant in `Connection` does not get it removed on the way to the backend.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    identity: Option<Identity>,
    edits: Vec<Edit>,
    claims: Option<JwtClaims>,
    /// Added to the final response.
    response: Vec<(HeaderName, HeaderValue)>,
    cached: bool,
}

/// Values may be credentials: never printed.
#[derive(Clone)]
enum Edit {
    Remove(HeaderName),
    Insert(HeaderName, HeaderValue),
    Append(HeaderName, HeaderValue),
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Remove(name) | Self::Insert(name, _) | Self::Append(name, _)) = self;
        write!(f, "Edit({name})")
    }
}

impl Grant {
    /// A grant that adds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `identity` into the request's extensions, in place of an older one.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Removes a field of the request.
    #[must_use]
    pub fn remove(mut self, name: HeaderName) -> Self {
        self.edits.push(Edit::Remove(name));
        self
    }

    /// Sets a field of the request, in place of what the client sent, also under a name with `_` for `-`, which CGI-like
    /// backends cannot tell apart.
    #[must_use]
    pub fn insert(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.edits.push(Edit::Insert(name, value));
        self
    }

    /// Adds a line to a field of the request.
    #[must_use]
    pub fn append(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.edits.push(Edit::Append(name, value));
        self
    }

    pub(crate) fn with_claims(mut self, claims: JwtClaims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The edits of `other` too.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.edits.extend(other.edits);
        self
    }

    #[cfg(feature = "forward")]
    pub(crate) fn with_response(mut self, lines: Vec<(HeaderName, HeaderValue)>) -> Self {
        self.response = lines;
        self
    }

    pub(crate) fn cached(mut self, cached: bool) -> Self {
        self.cached = cached;
        self
    }

    pub(crate) fn is_cached(&self) -> bool {
        self.cached
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Fields that it sets.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = &HeaderName> + Clone {
        self.edits.iter().filter_map(|edit| match edit {
            Edit::Insert(name, _) => Some(name),
            Edit::Remove(_) | Edit::Append(..) => None,
        })
    }

    /// Fields that it adds to.
    pub(crate) fn appended(&self) -> impl Iterator<Item = &HeaderName> + Clone {
        self.edits.iter().filter_map(|edit| match edit {
            Edit::Append(name, _) => Some(name),
            Edit::Remove(_) | Edit::Insert(..) => None,
        })
    }

    /// Edits the request. What is left is for the response.
    pub(crate) fn apply(self, head: &mut RequestHead) -> Vec<(HeaderName, HeaderValue)> {
        for edit in self.edits {
            // A full map (32,768 lines) refuses; no server lets that many in.
            let _full = match edit {
                Edit::Remove(name) => {
                    head.headers.remove(name);
                    continue;
                }
                Edit::Insert(name, value) => head.headers.try_insert(name, value).map(|_| ()),
                Edit::Append(name, value) => head.headers.try_append(name, value).map(|_| ()),
            };
        }
        if let Some(claims) = self.claims {
            head.extensions.insert(claims);
        }
        if let Some(identity) = self.identity {
            head.extensions.insert(identity);
        }
        self.response
    }
}
