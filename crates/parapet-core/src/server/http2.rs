//! HTTP/2 to clients.

use bytes::BytesMut;

use super::service::ConnContext;
use super::socket::Socket;

/// Serves one HTTP/2 connection to its end.
pub(crate) async fn serve_http2(context: ConnContext, socket: Socket, buffered: BytesMut) {
    drop((context, socket, buffered));
}
