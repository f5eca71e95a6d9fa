//! Everything public may move between threads, be shared, and be printed.

use std::fmt::Debug;

use parapet_core::*;

fn shared<T: Send + Sync + Debug>() {}
fn errors<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn all_public_types_are_send_sync_and_debug() {
    shared::<Body>();
    shared::<ConnMeta>();
    shared::<ConnState>();
    shared::<ConnectionError>();
    shared::<Connections>();
    shared::<Http2>();
    shared::<Listen>();
    shared::<LocalReply>();
    shared::<ServerStats>();
    shared::<BodyEnd<'static>>();
    shared::<Chain>();
    shared::<ClientAddress>();
    shared::<CloseDelimited>();
    shared::<Collected>();
    shared::<Cond>();
    shared::<ConnInfo>();
    shared::<Deadline>();
    shared::<DrainPhase>();
    shared::<Failure>();
    shared::<FromFn<fn()>>();
    shared::<Handler>();
    shared::<InformationalSink>();
    shared::<LogRecord>();
    shared::<LogValue>();
    shared::<HostName<'static>>();
    shared::<Next>();
    shared::<NotFound>();
    shared::<Notes>();
    shared::<Outcome<'static>>();
    shared::<Protocol>();
    shared::<Request>();
    shared::<RequestHead>();
    shared::<RequestId>();
    shared::<RequestInfo>();
    shared::<Response>();
    shared::<ResponseError>();
    shared::<ResponseHead>();
    shared::<Scheme>();
    shared::<Sender>();
    shared::<ServerHandle>();
    shared::<Side>();
    shared::<TaskGuard>();
    shared::<TlsInfo>();
    shared::<TrustProxy>();
    shared::<Upgrade>();
    errors::<BodyError>();
    errors::<Error>();
    errors::<HostNameError>();
    errors::<InformationalError>();
    errors::<LayerError>();
    errors::<SendError>();
    errors::<TlsErrorKind>();
    errors::<path::PathError>();
}

#[cfg(feature = "tower")]
#[test]
fn the_tower_adapters_are_too() {
    shared::<parapet_core::tower::HandlerService>();
    shared::<parapet_core::tower::TowerLayer<()>>();
}

/// One owner each: futures and tunnels move between threads, they are not shared.
#[test]
fn futures_are_send_and_unpin() {
    fn moves<T: Send + Unpin + Debug>() {}
    moves::<ResponseFuture>();
    moves::<Upgraded>();
    moves::<Bound>();
    moves::<Listener>();
    moves::<Server>();
}
