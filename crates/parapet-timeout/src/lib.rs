//! Two deadlines: time to the response head, and time of the whole request.
//!
//! [`Timeout`] answers in the place of a backend that is late; [`RequestDeadline`] bounds everything, bodies too, and
//! lets whoever is waiting answer: an upstream that counts the failure against its target, for instance.
//!
//! ```
//! use std::time::Duration;
//! use parapet_core::{Body, Middleware, Request, handler_fn};
//! use parapet_timeout::{RequestDeadline, Timeout};
//!
//! let layers = (
//!     RequestDeadline::new(Duration::from_secs(60)).skip_if(|request: &Request| {
//!         request.uri().path().starts_with("/events/")
//!     }),
//!     Timeout::new(Duration::from_millis(10)),
//! );
//! let handler = layers.wrap(handler_fn(|_| async {
//!     std::future::pending::<()>().await;
//!     "never"
//! }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! let response = rt.block_on(handler.serve(Request::new(Body::empty())));
//! assert_eq!(response.status(), 504);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | | [`Timeout`] | [`RequestDeadline`] |
//! | --- | --- | --- |
//! | covers | all inside, up to the final head | the same, and the body |
//! | tells those inside | no | yes: [`RequestExt::deadline`](parapet_core::RequestExt::deadline) |
//! | on expiry | drops what is inside, answers 504 | they answer; 10 ms later as `Timeout` |
//! | in the body | – | drops it; HTTP/1.1 closes, HTTP/2 resets the stream |
//! | event streams, long downloads, tunnels | go on | are cut |
//! | a target that was late | is not blamed | is counted as failing |
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`Timeout::new`], [`RequestDeadline::new`] | | the time; zero: no layer |
//! | [`Timeout::handler`] | plain error(504, `Gateway Timeout`) | answers on expiry |
//! | [`Timeout::skip_if`], [`RequestDeadline::skip_if`] | none | requests without this deadline: streams, upgrades |
//!
//! Both nest either way; the earlier instant acts. The client's upload is part of the time: a layer that buffers request
//! bodies belongs outside if only the backend is to be timed. 1xx answers do not count as the head. Inside, work ends by
//! being dropped: pooled connections, permits and files are released before the answer goes out.
//!
//! What it does not do: a client that does not read its response keeps the body unpolled; the server's write timeout is
//! for that. (In the Go original a late handler goes on in the background, a 103 disarms the timeout, and a WebSocket
//! never does.)

mod deadline;
mod error;
mod skip;
mod timeout;

pub use self::deadline::RequestDeadline;
pub use self::error::Error;
pub use self::timeout::Timeout;
