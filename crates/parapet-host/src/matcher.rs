use std::sync::Arc;

use ipnet::IpNet;
use parapet_core::{Request, RequestExt};

use crate::Error;
use crate::pattern::Pattern;
use crate::table::Table;

/// The bare matcher of host patterns, for conditions of one's own.
///
/// ```
/// use parapet_core::{Body, Request};
/// let matcher = parapet_host::HostMatcher::new(["*.example.com"])?;
/// let request = http::Request::builder().uri("http://www.example.com/").body(Body::empty())?;
/// assert!(matcher.is_match(&request));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HostMatcher(pub(crate) Arc<Table>);

impl HostMatcher {
    /// A matcher of `patterns`; an empty list matches nothing. See the [crate docs](crate#patterns) for patterns.
    ///
    /// # Errors
    /// A pattern that is none, or one host twice.
    pub fn new<I>(patterns: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::parse(patterns, Pattern::host)
    }

    /// A matcher of hosts that are addresses inside one of `nets`, in CIDR form.
    ///
    /// # Errors
    /// A text that is no network, or one network twice.
    pub fn cidr<I>(nets: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Self::parse(nets, Pattern::cidr)
    }

    /// A matcher of hosts that are addresses inside one of `nets`.
    pub fn from_nets(nets: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Arc::new(Table::of_nets(nets)))
    }

    /// Whether the host of the request's authority matches.
    pub fn is_match(&self, request: &Request) -> bool {
        self.0.find(request.authority()).is_some()
    }

    fn parse<I>(texts: I, parse: fn(&str) -> Result<Pattern, Error>) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let patterns: Result<Vec<_>, _> = texts
            .into_iter()
            .map(|text| {
                let text = text.as_ref();
                Ok((parse(text)?, text.into(), 0))
            })
            .collect();
        Ok(Self(Arc::new(Table::new(patterns?)?)))
    }
}
