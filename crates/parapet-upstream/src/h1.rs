//! HTTP/1.1 to a target, driven by the request's own future: no task, no channel.

mod exchange;
mod failure;
mod held;
mod outgoing;
mod unit;
mod upload;

#[cfg(feature = "http2")]
pub(crate) use self::exchange::in_time;
pub(crate) use self::exchange::send;
pub(crate) use self::failure::{body_error, text as decode_text};
pub(crate) use self::held::Held;
pub(crate) use self::outgoing::Outgoing;
pub(crate) use self::unit::Unit;
pub(crate) use self::upload::{Upload, UploadError, allowed_trailers};
