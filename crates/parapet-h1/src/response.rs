mod decode;
mod encode;
mod line;

pub use self::decode::{InboundResponse, RequestKind, ResponseDecoder, ResponseEvent};
pub use self::encode::{RequestContext, ResponseEncoder};
