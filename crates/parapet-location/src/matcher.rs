use parapet_core::Request;

use crate::Error;
use crate::pattern::Pattern;
use crate::refusal::Reading;

/// The bare matcher of a location, for conditions of one's own. A path that is refused is no match.
///
/// ```
/// use parapet_core::Body;
/// let matcher = parapet_location::PathMatcher::prefix("/admin")?;
/// let request = http::Request::builder().uri("/x/../admin").body(Body::empty())?;
/// assert!(matcher.is_match(&request));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PathMatcher(Pattern);

impl PathMatcher {
    /// Matches the path `path` alone.
    ///
    /// # Errors
    /// A path without leading slash, encoded, or not in normal form.
    pub fn exact(path: &str) -> Result<Self, Error> {
        Pattern::exact(path).map(Self)
    }

    /// Matches `path` and what is below it; the empty path everything.
    ///
    /// # Errors
    /// A path without leading slash, encoded, or not in normal form.
    pub fn prefix(path: &str) -> Result<Self, Error> {
        Pattern::prefix(path).map(Self)
    }

    /// Matches paths in which `expression` is found; the empty expression everything.
    ///
    /// # Errors
    /// [`Error::Regexp`].
    pub fn regexp(expression: &str) -> Result<Self, Error> {
        Pattern::regexp(expression).map(Self)
    }

    /// Whether the path of `request` matches.
    pub fn is_match(&self, request: &Request) -> bool {
        match (&self.0, Reading::default().path(request)) {
            (Pattern::Any, _) => true,
            (pattern, Ok(Some(path))) => pattern.is_match(&path),
            _ => false,
        }
    }
}
