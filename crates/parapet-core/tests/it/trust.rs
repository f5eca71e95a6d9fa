//! Who is trusted: what the constructors take and refuse, and what a handler then sees.

use std::net::{IpAddr, SocketAddr};

use parapet_core::{
    ConnMeta, Error, Handler, Request, RequestExt as _, Server, TrustProxy, handler_fn, trust_cidrs,
};

use crate::support::{exchange, get, text};

#[test]
fn networks_and_addresses_are_taken_and_anything_else_is_named() {
    for text in ["10.0.0.0/8", "10.0.0.1", "10.0.0.1/8", "fd00::/8", "::1", "0.0.0.0/0"] {
        assert!(trust_cidrs([text]).is_ok(), "{text}");
    }
    for text in ["not-a-cidr", "", "10.0.0.0/33", "10.0.0", " 10.0.0.0/8", "10.0.0.0/", "::/129"] {
        match trust_cidrs(["10.0.0.0/8", text]) {
            Err(Error::InvalidCidr(named)) => assert_eq!(named, text),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert!(trust_cidrs(Vec::<String>::new()).is_ok());
}

#[test]
fn an_invalid_network_says_what_to_write() {
    let error = trust_cidrs(["office"]).expect_err("no network");
    assert_eq!(
        error.to_string(),
        "\"office\" is no network: write 10.0.0.0/8, fd00::/8 or an address"
    );
    assert_eq!(error.exit_code(), 78);
}

#[test]
fn debug_tells_what_is_trusted() {
    let trust = trust_cidrs(["10.1.2.3/8"]).expect("a network").with_unix();
    let text = format!("{:?}", trust.or(TrustProxy::from_fn(|_| false)).read_forwarded(true));
    assert_eq!(
        text,
        "TrustProxy { all: false, private: false, unix: true, networks: [10.0.0.0/8], \
         predicates: 1, append_forwarded_for: false, read_forwarded: true }"
    );
}

#[test]
fn a_list_may_be_of_networks_or_references() {
    let networks: Vec<ipnet::IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
    let by_reference = TrustProxy::cidrs(&networks);
    assert_eq!(format!("{by_reference:?}"), format!("{:?}", TrustProxy::cidrs(networks)));
}

/// What the handler sees of one request: forwarding fields, then the accessors.
fn tell() -> Handler {
    handler_fn(async |request: Request| {
        let mut lines: Vec<String> = request
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str() != "host" && name.as_str() != "connection")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect();
        lines.sort();
        let client = request.client_addr().map_or("nobody".to_owned(), |client| client.to_string());
        lines.push(format!("{client} {} {}", request.scheme(), request.peer_trusted()));
        lines.join("\n")
    })
}

/// Sends one request with `fields` from `peer` through `server`.
async fn seen(server: Server, peer: &str, fields: &[&str]) -> String {
    let connections = server.handler(tell()).into_connections().expect("good settings");
    let address: IpAddr = peer.parse().expect("an address");
    let fields: String = fields.iter().map(|line| [line, "\r\n"].concat()).collect();
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n");
    let meta = ConnMeta::new(Some(SocketAddr::new(address, 4711)));
    let answer = exchange(&connections, meta, &head).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}

const FORGED: &[&str] = &[
    "X-Real-IP: 10.0.1.1",
    "X-Forwarded-For: 10.0.1.2",
    "X-Forwarded-Proto: https",
    "X_Forwarded_For: 10.0.1.3",
    "Forwarded: for=10.0.1.4",
    "X-Forwarded-Host: evil",
];

#[tokio::test]
async fn a_forged_address_of_a_stranger_is_replaced_by_its_own() {
    let expected = "x-forwarded-for: 127.0.0.1\nx-forwarded-proto: http\nx-real-ip: 127.0.0.1\n\
                    127.0.0.1 http false";
    assert_eq!(seen(Server::frontend(), "127.0.0.1", FORGED).await, expected);
    let expected = expected.replace("127.0.0.1", "203.0.113.9");
    for server in [Server::new(), Server::backend()] {
        assert_eq!(seen(server, "203.0.113.9", FORGED).await, expected);
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_by_the_setting_of_the_preset() {
    let fields = &FORGED[..3];
    let kept = "x-forwarded-for: 10.0.1.2\nx-forwarded-proto: https\nx-real-ip: 10.0.1.1\n\
                10.0.1.1 https true";
    assert_eq!(seen(Server::backend(), "127.0.0.1", fields).await, kept);
    let walked = kept.replace("10.0.1.1", "10.0.1.2");
    assert_eq!(seen(Server::new(), "127.0.0.1", fields).await, walked);
}

#[tokio::test]
async fn a_handler_without_connection_believes_fields_only_under_dangerous_all() {
    let ask = async |trust: TrustProxy| {
        let server = Server::new().trust_proxy(trust).handler(tell());
        let mut request = get("/");
        for line in FORGED {
            let (name, value) = line.split_once(": ").expect("a field line");
            let name: http::HeaderName = name.parse().expect("a name");
            request.headers_mut().append(name, http::HeaderValue::from_static(value));
        }
        text(server.into_handler().expect("good settings").serve(request).await).await
    };
    for trust in
        [TrustProxy::private(), TrustProxy::from_fn(|_| true), TrustProxy::none().with_unix()]
    {
        assert_eq!(ask(trust).await, "x-forwarded-proto: http\nnobody http false");
    }
    assert_eq!(
        ask(TrustProxy::dangerous_all()).await,
        "forwarded: for=10.0.1.4\nx-forwarded-for: 10.0.1.2\nx-forwarded-host: evil\n\
         x-forwarded-proto: https\nx-real-ip: 10.0.1.2\nx_forwarded_for: 10.0.1.3\n\
         10.0.1.2 https true"
    );
}
