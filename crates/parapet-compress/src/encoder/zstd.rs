//! Zstandard (RFC 8878), with the window that a content coding may have (RFC 9659).

use parapet_core::BoxError;
use zstd::zstd_safe::{
    CCtx, CParameter, InBuffer, OutBuffer, get_error_name, zstd_sys::ZSTD_EndDirective,
};

use super::{Aim, Encode, Settings, Step};

/// 8 MiB, the largest window that a client must have (RFC 9659 §3).
const MAX_WINDOW_LOG: u32 = 23;
/// From here on the library's own tables ask for more than the window above, and for up to 640 MiB of search tables.
const FIRST_CAPPED_LEVEL: i32 = 20;
/// Entries of the search tables of the capped levels: what level 19 has.
const MAX_CHAIN_LOG: u32 = 24;
const MAX_HASH_LOG: u32 = 22;

struct Zstd(CCtx<'static>);

pub(crate) fn zstd(settings: Settings, length: Option<u64>) -> Result<Box<dyn Encode>, BoxError> {
    Ok(Box::new(context(settings.level, length).map(Zstd)?))
}

/// Bytes that an encoder holds at most, about.
pub(crate) fn memory(settings: Settings, length: Option<u64>) -> usize {
    let most: usize = match settings.level {
        ..=1 => 3 << 19,
        2..=3 => 4 << 20,
        4..=7 => 8 << 20,
        8..=11 => 25 << 20,
        _ => 90 << 20,
    };
    // Tables shrink with a short body, to some dozen times its length.
    let short = length.and_then(|length| usize::try_from(length.checked_mul(64)?).ok());
    short.map_or(most, |short| short.clamp(1 << 19, most))
}

fn context(level: i32, length: Option<u64>) -> Result<CCtx<'static>, BoxError> {
    let mut context = CCtx::try_create().ok_or("no memory for a context")?;
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(get_error_name)?;
    if level >= FIRST_CAPPED_LEVEL {
        for parameter in [
            CParameter::WindowLog(MAX_WINDOW_LOG),
            CParameter::ChainLog(MAX_CHAIN_LOG),
            CParameter::HashLog(MAX_HASH_LOG),
        ] {
            context.set_parameter(parameter).map_err(get_error_name)?;
        }
    }
    // Tables and window shrink with a short body, and the receiver learns the size.
    context.set_pledged_src_size(length).map_err(get_error_name)?;
    Ok(context)
}

impl Encode for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8], aim: Aim) -> Result<Step, BoxError> {
        let directive = match aim {
            Aim::Feed => ZSTD_EndDirective::ZSTD_e_continue,
            Aim::Flush => ZSTD_EndDirective::ZSTD_e_flush,
            Aim::Finish => ZSTD_EndDirective::ZSTD_e_end,
        };
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let left =
            self.0.compress_stream2(&mut to, &mut from, directive).map_err(get_error_name)?;
        let (read, written) = (from.pos(), to.pos());
        let done = match aim {
            Aim::Feed => read == input.len(),
            Aim::Flush | Aim::Finish => left == 0,
        };
        Ok(Step { read, written, done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MiB of the context of a level after `fed` bytes of a body of that length.
    fn mib(level: i32, length: Option<u64>, fed: usize) -> f64 {
        let mut encoder = Zstd(context(level, length).unwrap());
        let (input, mut output) = (vec![b'x'; fed], vec![0; 1 << 20]);
        let step = encoder.step(&input, &mut output, Aim::Feed).unwrap();
        assert!(step.done, "{level}: {step:?}");
        u32::try_from(encoder.0.sizeof()).map(f64::from).unwrap() / f64::from(1 << 20)
    }

    #[test]
    fn the_memory_of_a_level_is_the_documented_one() {
        for (level, length, most) in [
            (1, None, 1.5),
            (3, None, 4.0),
            (3, Some(5_000), 0.3),
            (7, None, 8.0),
            (11, None, 25.0),
            (19, None, 90.0),
            (22, None, 90.0),
        ] {
            let fed = length.map_or(1 << 20, |length| usize::try_from(length).unwrap());
            let taken = mib(level, length, fed);
            assert!(taken <= most, "level {level}, length {length:?}: {taken} MiB");
            assert!(taken > most / 2.0, "level {level}, length {length:?}: only {taken} MiB");
        }
    }

    #[test]
    fn no_level_takes_more_than_is_reserved_for_it() {
        let lengths = [None, Some(5_000), Some(50_000), Some(500_000)];
        for level in (-5..=22).filter(|level| *level != 0) {
            for length in lengths {
                let fed = length.map_or(1 << 20, |length| usize::try_from(length).unwrap());
                let reserved = memory(Settings { level, window_bits: 0 }, length);
                let reserved = u32::try_from(reserved).map(f64::from).unwrap() / f64::from(1 << 20);
                let taken = mib(level, length, fed);
                assert!(taken <= reserved, "level {level}, length {length:?}: {taken} MiB");
            }
        }
    }
}
