//! HTTP/2 to a target (hyper). A connection serves many requests at a time, so it has a task of its own, its driver.

mod body;
mod driver;
mod exchange;
mod failure;
mod handle;
mod settings;
mod settled;
mod tunnel;

pub(crate) use self::driver::handshake;
pub(crate) use self::exchange::send;
pub(crate) use self::handle::Handle;
pub use self::settings::Http2Settings;
