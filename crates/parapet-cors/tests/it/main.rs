//! What parapet-cors promises, through its public API.

/// A browser against all of it.
#[cfg(test)]
mod browser;
/// Layers around: authentication inside, an origin that answers CORS itself.
#[cfg(test)]
mod composition;
/// Which origins lists and patterns let in, and which entries are none.
#[cfg(test)]
mod origins;
/// Answers to preflights.
#[cfg(test)]
mod preflights;
/// Responses that are marked, and requests that are refused.
#[cfg(test)]
mod responses;
/// The site's own pages, through a server.
#[cfg(test)]
mod same_origin;
/// Requests, and next handlers that tell whether they were asked.
#[cfg(test)]
mod support;
