//! The defaults of the three constructors.

use parapet_core::Server;

#[test]
fn each_constructor_has_its_defaults() {
    // Setting, then its value for `new`, `frontend` and `backend`.
    let rows = [
        ("read_header_timeout", ["Some(60s)", "Some(10s)", "Some(60s)"]),
        ("first_byte_timeout", ["Some(620s)", "Some(10s)", "Some(620s)"]),
        ("first_request_timeout", ["Some(620s)", "Some(20s)", "Some(620s)"]),
        ("tls_handshake_timeout", ["Some(10s)"; 3]),
        ("read_timeout", ["Some(300s)", "Some(60s)", "Some(300s)"]),
        ("write_timeout", ["Some(300s)", "Some(60s)", "Some(300s)"]),
        ("read_total_timeout", ["None"; 3]),
        ("write_total_timeout", ["None"; 3]),
        ("min_progress", ["1", "1024", "1"]),
        ("idle_timeout", ["Some(620s)", "Some(75s)", "Some(620s)"]),
        ("max_header_bytes", ["65536"; 3]),
        ("max_header_count", ["100"; 3]),
        ("max_target_bytes", ["16384"; 3]),
        ("tcp_keep_alive_period", ["Some(180s)", "Some(60s)", "Some(180s)"]),
        ("reuse_port", ["false"; 3]),
        ("h2c", ["false", "false", "true"]),
        ("grace_timeout", ["Some(30s)"; 3]),
        ("wait_before_shutdown", ["10s"; 3]),
        ("client_address", ["ForwardedFor", "ForwardedFor", "RealIp"]),
        ("max_connections", ["None"; 3]),
        ("max_connections_per_client", ["None", "Some(1000)", "None"]),
        ("max_connection_age", ["None"; 3]),
        ("max_requests_per_connection", ["None"; 3]),
        ("workers", ["None"; 3]),
        ("half_close", ["false"; 3]),
        ("allow_utf8_target", ["false"; 3]),
        ("early_hints", ["true"; 3]),
        ("early_hints_http1", ["false"; 3]),
        ("max_concurrent_streams", ["250", "100", "250"]),
        ("max_pending_header_bytes", ["524288"; 3]),
        ("max_pending_resets", ["20"; 3]),
        ("max_local_resets", ["100"; 3]),
        ("glitch_burst", ["1000"; 3]),
        ("glitch_rate", ["100"; 3]),
        ("stream_window", ["1048576", "262144", "1048576"]),
        ("connection_window", ["4194304", "1048576", "4194304"]),
        ("keep_alive_interval", ["Some(60s)"; 3]),
        ("keep_alive_timeout", ["20s"; 3]),
    ];
    let servers = [Server::new(), Server::frontend(), Server::backend()];
    let shown = servers.map(|server| format!("{server:?}"));
    for (name, values) in rows {
        for (shown, value) in shown.iter().zip(values) {
            let found = [format!(" {name}: {value},"), format!(" {name}: {value} }}")];
            assert!(found.iter().any(|text| shown.contains(text)), "{name}: {value} in {shown}");
        }
    }
}
