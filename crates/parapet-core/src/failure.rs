use std::error::Error;
use std::fmt;

use crate::BoxError;

/// Result of `main` and of functions that make a site.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Any error, for `main` and for functions that make a site.
///
/// `Debug` prints the texts of the error and of its sources, so that what `main` returns reads well. Made from any error
/// by `?`; it is itself no `std::error::Error`, which is what allows that.
pub struct Failure(BoxError);

impl Failure {
    /// Makes a failure from a text or from an error that is boxed already.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }

    /// The error itself.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Failure> for BoxError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Failure> for Box<dyn Error> {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
