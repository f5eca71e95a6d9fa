use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{Body, BodyError};

/// A whole body in memory.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl Collected {
    /// The content.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The content, without copying it.
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The trailers, if the body had any.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }
}

pub(super) async fn collect(mut body: Body, limit: usize) -> Result<Collected, BodyError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::LengthLimitExceeded);
    }
    let (mut first, mut rest, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                if first.len() + rest.len() + data.len() > limit {
                    return Err(BodyError::LengthLimitExceeded);
                }
                // One frame is the common case: handed on as it is, not copied.
                if first.is_empty() && rest.is_empty() {
                    first = data;
                } else {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                    rest.extend_from_slice(&data);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let data = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Collected { data, trailers })
}
