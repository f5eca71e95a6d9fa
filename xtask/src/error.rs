use std::io;
use std::path::Path;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command of xtask ended early.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// A file, a socket or a process.
    #[error("{doing}")]
    Io { doing: String, source: io::Error },
    /// A manifest that is no TOML.
    #[error("{path} is no valid TOML")]
    Manifest { path: String, source: toml::de::Error },
    /// A program that ended with a failure.
    #[error("`{line}` failed ({how})")]
    Command { line: String, how: String },
    /// A program or package that is not there and could not be installed.
    #[error("missing: {what}; {fix}")]
    Missing { what: String, fix: String },
    /// House rules that are not kept.
    #[error("{0} house rules broken")]
    House(usize),
    /// Steps or cases that failed, each told before.
    #[error("{0} failed")]
    Failed(usize),
    /// A program whose answer is not the one that it should be.
    #[error("{what}: wanted {wanted}, got {got}")]
    Answer { what: String, wanted: String, got: String },
}

impl Error {
    /// An answer that is not the one wanted; a long one is cut.
    pub(crate) fn answer(
        what: impl Into<String>,
        wanted: impl Into<String>,
        got: impl AsRef<str>,
    ) -> Self {
        let got = got.as_ref().trim();
        let mut shown: String = got.chars().take(400).collect();
        if shown.len() < got.len() {
            shown.push('…');
        }
        Self::Answer { what: what.into(), wanted: wanted.into(), got: format!("{shown:?}") }
    }
}

/// Says what was being done when an I/O error came.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: what(), source })
    }
}

pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).doing(|| format!("read {}", path.display()))
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, text).doing(|| format!("write {}", path.display()))
}
