//! Raw peers for the tests of parapet: what a client or an origin really put on the wire, byte by byte. And what tests and
//! benches measure with: allocations, warnings, time.
//!
//! Unpublished. Depends on no crate of parapet, so that all of them can use it. Everything panics where a test has to
//! fail, and nothing waits longer than [`LONG`].
//!
//! ```
//! use parapet_testkit::{RawClient, RawOrigin};
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # rt.block_on(async {
//! let origin = RawOrigin::start(|mut conn| async move {
//!     conn.read_head().await;
//!     conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
//! })
//! .await;
//! let mut client = RawClient::connect(origin.address()).await;
//! client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
//! assert_eq!(client.answer().await.text(), "ok");
//! assert_eq!(origin.received(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It does not judge semantics: a request that is no HTTP is sent as it is.

mod allocations;
mod answer;
pub mod bench;
mod client;
mod frames;
mod hpack;
mod origin;
mod warnings;

pub use self::allocations::{fewest_allocations, now};
pub use self::answer::Answer;
pub use self::client::{LONG, RawClient};
pub use self::frames::{Frame, FrameClient, flag, kind, pseudo, setting};
pub use self::hpack::literals;
pub use self::origin::{OriginConn, RawOrigin};
pub use self::warnings::Warnings;
/// The counting allocator: `#[global_allocator] static A: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;`.
pub use stats_alloc;

/// A TCP port of loopback that nobody listens on at this moment.
///
/// # Panics
/// If the system has no port left.
pub fn free_port() -> u16 {
    #[expect(clippy::expect_used, reason = "a test cannot go on without a port")]
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().map_or(0, |address| address.port())
}
