//! gzip (RFC 1952) and deflate in zlib framing (RFC 1950).

use flate2::{Compress, Compression, FlushCompress, Status};
use parapet_core::BoxError;

use super::{Aim, Encode, Settings, Step};

/// 32 KiB: what every decoder has.
const WINDOW_BITS: u8 = 15;

struct Deflate(Compress);

pub(crate) fn gzip(settings: Settings, _length: Option<u64>) -> Result<Box<dyn Encode>, BoxError> {
    Ok(Box::new(Deflate(Compress::new_gzip(compression(settings)?, WINDOW_BITS))))
}

pub(crate) fn zlib(settings: Settings, _length: Option<u64>) -> Result<Box<dyn Encode>, BoxError> {
    Ok(Box::new(Deflate(Compress::new(compression(settings)?, true))))
}

/// Bytes that an encoder holds at most, about.
pub(crate) fn memory(_settings: Settings, _length: Option<u64>) -> usize {
    410 << 10
}

fn compression(settings: Settings) -> Result<Compression, BoxError> {
    Ok(Compression::new(settings.level.try_into()?))
}

impl Encode for Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8], aim: Aim) -> Result<Step, BoxError> {
        let flush = match aim {
            Aim::Feed => FlushCompress::None,
            Aim::Flush => FlushCompress::Sync,
            Aim::Finish => FlushCompress::Finish,
        };
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let status = self.0.compress(input, output, flush)?;
        let read = usize::try_from(self.0.total_in() - read)?;
        let written = usize::try_from(self.0.total_out() - written)?;
        let done = match aim {
            Aim::Feed => read == input.len(),
            // Room that is left tells that a flush is complete; so does the complaint that there is nothing to do.
            Aim::Flush => written < output.len(),
            Aim::Finish => status == Status::StreamEnd,
        };
        Ok(Step { read, written, done })
    }
}
