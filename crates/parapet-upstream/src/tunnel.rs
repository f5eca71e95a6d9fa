use std::time::Duration;

use bytes::Bytes;
use parapet_core::{BoxIo, Upgraded};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

/// Copies both ways between two connections until both directions have ended, one failed, or `deadline` passed.
pub(crate) async fn tunnel(
    mut client: Upgraded,
    mut server: BoxIo,
    server_buffered: Bytes,
    _idle: Option<Duration>,
    deadline: Option<Instant>,
) {
    let copy = async {
        client.write_all(&server_buffered).await?;
        client.flush().await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    // An error closes both sides; there is nobody left to tell.
    match deadline {
        Some(deadline) => drop(tokio::time::timeout_at(deadline, copy).await),
        None => drop(copy.await),
    }
}
