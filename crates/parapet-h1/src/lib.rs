//! HTTP/1.1 as bytes, both directions, without I/O: strict, bounded decoders and encoders (RFC 9112).
//!
//! For who builds a server or a client and wants to own its socket, buffers and clock. Who builds a proxy uses
//! parapet-core and parapet-upstream, which drive these machines.
//!
//! ```
//! use bytes::BytesMut;
//! use http::{Method, Response, Version};
//! use parapet_h1::{
//!     Connection, Framing, Limits, RequestContext, RequestDecoder, RequestEvent, ResponseEncoder, Target,
//! };
//!
//! let mut decoder = RequestDecoder::new(Limits::request());
//! let mut input = BytesMut::from("POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nhi");
//! let RequestEvent::Head(request, framing) = decoder.next(&mut input)? else { panic!("no head") };
//! assert_eq!(request.target, Target::Origin("/a".parse()?));
//! assert_eq!(framing, Framing::Length(2));
//! let RequestEvent::Data(content) = decoder.next(&mut input)? else { panic!("no content") };
//! assert!(matches!(decoder.next(&mut input)?, RequestEvent::End));
//!
//! let mut encoder = ResponseEncoder::new();
//! let mut output = BytesMut::new();
//! let (parts, ()) = Response::builder().header("server", "echo").body(())?.into_parts();
//! let context = RequestContext { version: Version::HTTP_11, method: &Method::POST };
//! encoder.head(&parts, &context, Framing::Chunked, Connection::KeepAlive, None, &mut output)?;
//! let wrap = encoder.data(content.len())?;
//! for bytes in [wrap.before.as_slice(), &content, wrap.after.as_slice()] {
//!     output.extend_from_slice(bytes);
//! }
//! encoder.end(None, &mut output)?;
//! assert_eq!(
//!     output,
//!     "HTTP/1.1 200 OK\r\nserver: echo\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | setting of [`Limits`] | requests | responses |
//! |---|---|---|
//! | [`head_bytes`](Limits::head_bytes) | 65,536 | 65,536 |
//! | [`field_lines`](Limits::field_lines) | 100 | 100 |
//! | [`target_bytes`](Limits::target_bytes) | 16,384 | |
//! | [`trailer_bytes`](Limits::trailer_bytes) | as the head | 16,384 |
//! | [`chunk_extension_bytes`](Limits::chunk_extension_bytes) | 256 | 4,096 |
//! | [`informational`](Limits::informational) | | 8 |
//! | [`allow_utf8_target`](Limits::allow_utf8_target) | false | |
//! | [`allow_bare_lf`](Limits::allow_bare_lf) | | false |
//!
//! Not here: what status a refusal gets, when a connection is kept or closed, whether a `Host` is acceptable, which
//! fields are forwarded. The events say what the bytes mean; who drives the machines decides.

mod body;
mod chunked;
mod error;
mod framing;
mod head;
mod limits;
mod line_memory;
mod request;
mod response;
mod scan;
mod target;
mod wrap;
mod write;

pub use self::error::{DecodeError, EncodeError};
pub use self::framing::{Connection, Framing};
pub use self::limits::Limits;
pub use self::request::{InboundRequest, RequestDecoder, RequestEncoder, RequestEvent};
pub use self::response::{
    InboundResponse, RequestContext, RequestKind, ResponseDecoder, ResponseEncoder, ResponseEvent,
};
pub use self::target::Target;
pub use self::wrap::{Wrap, WrapBytes};
