//! The smallest reverse proxy on Pingora: one service thread, no log, the three forwarded fields.
//!
//! `pingora-peer PLAIN_ADDR TLS_ADDR ORIGIN_ADDR CERT KEY`

use async_trait::async_trait;
use pingora_core::Result;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

struct Forward {
    origin: String,
}

#[async_trait]
impl ProxyHttp for Forward {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin.as_str(), false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        _ctx: &mut (),
    ) -> Result<()> {
        let client = session.client_addr().and_then(|addr| addr.as_inet()).map(|addr| addr.ip().to_string());
        let client = client.unwrap_or_default();
        let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        let forwarded = match session.req_header().headers.get("x-forwarded-for").and_then(|v| v.to_str().ok()) {
            Some(before) => format!("{before}, {client}"),
            None => client.clone(),
        };
        upstream.insert_header("x-forwarded-for", forwarded)?;
        upstream.insert_header("x-forwarded-proto", if tls { "https" } else { "http" })?;
        upstream.insert_header("x-real-ip", client)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [plain, tls, origin, cert, key] = args.as_slice() else {
        return Err("usage: pingora-peer PLAIN_ADDR TLS_ADDR ORIGIN_ADDR CERT KEY".into());
    };
    let conf = ServerConf { threads: 1, upstream_keepalive_pool_size: 1024, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Forward { origin: origin.clone() });
    service.add_tcp(plain);
    let mut settings = TlsSettings::intermediate(cert, key)?;
    settings.enable_h2();
    service.add_tls_with_settings(tls, None, settings);
    server.add_service(service);
    server.run_forever()
}
