use std::io;
use std::path::PathBuf;

use http::HeaderName;

/// Why a logger could not be set up.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting outside its range.
    #[error("{setting} is {value}: allowed is {allowed}")]
    Value {
        /// The setting.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The field carries credentials, which do not belong into a log.
    #[error("header {0} carries credentials and cannot be logged: drop it from the list")]
    SensitiveHeader(HeaderName),
    /// The log file cannot be opened for appending.
    #[error("the log file {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
