//! What parapet-headers promises, through its public API.

/// Names and values that are refused, and the texts of the refusals.
#[cfg(test)]
mod errors;
/// Facts of the hop in front, for the origin.
#[cfg(test)]
mod forwarded;
/// Fields of requests.
#[cfg(test)]
mod request;
/// Fields of responses.
#[cfg(test)]
mod response;
/// Requests and responses through a layer.
#[cfg(test)]
mod support;
/// Clients and origins on sockets, byte by byte.
#[cfg(test)]
mod wire;
