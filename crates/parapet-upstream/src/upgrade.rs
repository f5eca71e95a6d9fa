use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parapet_core::{BoxIo, Io};

/// The upstream's connection after its 101 (2xx to CONNECT): in the extensions of that response, for whoever runs the
/// tunnel. Can be taken once; dropped with the response it closes the connection.
#[derive(Clone)]
pub struct UpgradedUpstream(Arc<Mutex<Option<(BoxIo, Bytes)>>>);

impl UpgradedUpstream {
    /// The connection `io`, of which `unread` was read already.
    pub fn new(io: impl Io, unread: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some((Box::new(io), unread)))))
    }

    /// Takes the connection and the bytes that come before what it will yield.
    pub fn take(&self) -> Option<(BoxIo, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for UpgradedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpgradedUpstream")
    }
}
