use std::io;
use std::path::PathBuf;

/// Why a middleware could not be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Spill files cannot live there.
    #[error("temp_dir {path:?} is not a directory: create it, or name another one")]
    TempDir {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
