/// Why a file server could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An empty root would be the current directory, which nobody asked for.
    #[error("the root of a file server is empty: name a directory (\".\" is the current one)")]
    EmptyRoot,
    /// Not the name of a file.
    #[error(
        "{0:?} is no name of an index file: write a file name, without a slash, and not \".\" or \"..\""
    )]
    Index(String),
}
