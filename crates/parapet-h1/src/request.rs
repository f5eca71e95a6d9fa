mod decode;
mod encode;
mod line;

pub use self::decode::{InboundRequest, RequestDecoder, RequestEvent};
pub use self::encode::RequestEncoder;
