use std::fmt;

use http::HeaderValue;
use parapet_core::BoxError;

#[cfg(any(feature = "gzip", feature = "zstd", feature = "br"))]
use crate::Error;
use crate::encoder::{Encode, Settings};

/// A content coding with its level (RFC 9110 §8.4.1): what [`negotiated`](crate::negotiated) offers.
#[derive(Clone, Copy)]
pub struct Encoding {
    name: &'static str,
    settings: Settings,
    make: Make,
    memory: Memory,
}

/// Makes an encoder for a body of that length, if it is known.
type Make = fn(Settings, Option<u64>) -> Result<Box<dyn Encode>, BoxError>;

/// Bytes that such an encoder holds at most.
type Memory = fn(Settings, Option<u64>) -> usize;

impl Encoding {
    /// Zstandard at [`ZstdLevel::Default`].
    #[cfg(feature = "zstd")]
    pub const ZSTD: Self = Self {
        name: "zstd",
        settings: level(3),
        make: crate::encoder::zstd::zstd,
        memory: crate::encoder::zstd::memory,
    };

    /// Brotli at quality 4 with a window of 22 bits.
    #[cfg(feature = "br")]
    pub const BR: Self = Self {
        name: "br",
        settings: Settings { level: 4, window_bits: 22 },
        make: crate::encoder::br::br,
        memory: crate::encoder::br::memory,
    };

    /// gzip at level 6.
    #[cfg(feature = "gzip")]
    pub const GZIP: Self = Self {
        name: "gzip",
        settings: level(6),
        make: crate::encoder::deflate::gzip,
        memory: crate::encoder::deflate::memory,
    };

    /// deflate, which is zlib framing (RFC 9110 §8.4.1.2), at level 6.
    #[cfg(feature = "gzip")]
    pub const DEFLATE: Self = Self {
        name: "deflate",
        settings: level(6),
        make: crate::encoder::deflate::zlib,
        memory: crate::encoder::deflate::memory,
    };

    /// Zstandard at a level.
    ///
    /// # Errors
    /// [`Error::Level`].
    #[cfg(feature = "zstd")]
    pub fn zstd(level: ZstdLevel) -> Result<Self, Error> {
        Ok(Self { settings: self::level(level.checked()?), ..Self::ZSTD })
    }

    /// Brotli at a quality and with a window.
    ///
    /// # Errors
    /// [`Error::Level`], [`Error::Window`].
    #[cfg(feature = "br")]
    pub fn br(options: BrOptions) -> Result<Self, Error> {
        Ok(Self { settings: options.checked()?, ..Self::BR })
    }

    /// gzip at a level: 1 (fast) to 9 (small), 0 stores the bytes as they are, −1 is 6.
    ///
    /// # Errors
    /// [`Error::Level`].
    #[cfg(feature = "gzip")]
    pub fn gzip(level: i32) -> Result<Self, Error> {
        Ok(Self { settings: deflate_level("gzip", level)?, ..Self::GZIP })
    }

    /// deflate at a level, as [`gzip`](Self::gzip).
    ///
    /// # Errors
    /// [`Error::Level`].
    #[cfg(feature = "gzip")]
    pub fn deflate(level: i32) -> Result<Self, Error> {
        Ok(Self { settings: deflate_level("deflate", level)?, ..Self::DEFLATE })
    }

    /// Every encoding of the features that are on, in the order `zstd`, `br`, `gzip`, `deflate`.
    pub fn all() -> impl Iterator<Item = Self> {
        let all: &[Self] = &[
            #[cfg(feature = "zstd")]
            Self::ZSTD,
            #[cfg(feature = "br")]
            Self::BR,
            #[cfg(feature = "gzip")]
            Self::GZIP,
            #[cfg(feature = "gzip")]
            Self::DEFLATE,
        ];
        all.iter().copied()
    }

    /// Name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn value(&self) -> HeaderValue {
        HeaderValue::from_static(self.name)
    }

    pub(crate) fn encoder(&self, length: Option<u64>) -> Result<Box<dyn Encode>, BoxError> {
        (self.make)(self.settings, length)
    }

    pub(crate) fn memory(&self, length: Option<u64>) -> usize {
        (self.memory)(self.settings, length)
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Encoding");
        debug.field("name", &self.name).field("level", &self.settings.level);
        if self.settings.window_bits > 0 {
            debug.field("window_bits", &self.settings.window_bits);
        }
        debug.finish_non_exhaustive()
    }
}

/// How hard Zstandard works. Default: `Default`.
#[cfg(feature = "zstd")]
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZstdLevel {
    /// Level 1.
    Fastest,
    /// Level 3.
    #[default]
    Default,
    /// Level 7.
    Better,
    /// Level 11.
    Best,
    /// A level of the library: −131,072 (fast) to 22 (small); 0 is 3. From 20 on it works as level 19 with a more
    /// thorough search, since window and tables are capped.
    Level(i32),
}

#[cfg(feature = "zstd")]
impl ZstdLevel {
    fn checked(self) -> Result<i32, Error> {
        let level = match self {
            Self::Fastest => 1,
            Self::Default => 3,
            Self::Better => 7,
            Self::Best => 11,
            Self::Level(level) => level,
        };
        in_range("zstd", level.into(), zstd::compression_level_range())?;
        Ok(level)
    }
}

/// How hard Brotli works, and how far back it looks.
#[cfg(feature = "br")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the two parameters of a Brotli stream")]
pub struct BrOptions {
    /// 0 (fast) to 11 (small). Default: 4.
    pub quality: u32,
    /// Window in bits, 10 to 24. Default: 22, that is 4 MiB. A body of a known, shorter length gets a smaller one.
    pub lgwin: u32,
}

#[cfg(feature = "br")]
impl Default for BrOptions {
    fn default() -> Self {
        Self { quality: 4, lgwin: 22 }
    }
}

#[cfg(feature = "br")]
impl BrOptions {
    fn checked(self) -> Result<Settings, Error> {
        let level = in_range("br", self.quality.into(), 0..=11)?;
        if !(10..=24).contains(&self.lgwin) {
            return Err(Error::Window(self.lgwin));
        }
        Ok(Settings { level, window_bits: self.lgwin })
    }
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
const fn level(level: i32) -> Settings {
    Settings { level, window_bits: 0 }
}

#[cfg(feature = "gzip")]
fn deflate_level(encoding: &'static str, level: i32) -> Result<Settings, Error> {
    let checked = in_range(encoding, level.into(), -1..=9)?;
    Ok(self::level(if checked == -1 { 6 } else { checked }))
}

#[cfg(any(feature = "gzip", feature = "zstd", feature = "br"))]
fn in_range(
    encoding: &'static str,
    level: i64,
    range: std::ops::RangeInclusive<i32>,
) -> Result<i32, Error> {
    let (least, most) = (*range.start(), *range.end());
    let checked = i32::try_from(level).ok().filter(|level| range.contains(level));
    checked.ok_or(Error::Level { encoding, level, least, most })
}
