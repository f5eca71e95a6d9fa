use std::sync::Arc;

use parapet_authn::{Any, AuthError, Basic, ClientCert, XFCC};
use parapet_core::{
    ClientAuth, Middleware, SelfSign, Server, TlsConfig, generate_self_sign_certificate,
};
use parapet_testkit::RawClient;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::{Backend, ask, get, wrap};

const SPIFFE: &str = "spiffe://example.org/ns/web/sa/shop";

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }
}

fn ia5(text: &str) -> Ia5String {
    text.try_into().unwrap()
}

/// Status and what the backend saw, for a client with these names (`None`: no certificate).
pub(crate) async fn call(
    check: ClientCert,
    names: Option<Vec<SanType>>,
) -> (u16, Option<parapet_core::RequestHead>) {
    let authority = Authority::new();
    let server = generate_self_sign_certificate(SelfSign::new().hosts(["localhost"])).unwrap();
    let roots = ClientAuth::roots_from_pem(&authority.pem).unwrap();
    let tls = TlsConfig::new(server.clone()).client_auth(ClientAuth::Request(roots));
    let backend = Backend::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = check.build().unwrap().wrap(backend.handler());
    let serving = tokio::spawn(Server::frontend().tls(tls).handler(handler).serve(listener));

    let mut store = RootCertStore::empty();
    store.add(server.chain()[0].clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(store);
    let config = match names {
        None => builder.with_no_client_auth(),
        Some(names) => {
            let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
            params.subject_alt_names = names;
            params.distinguished_name.push(DnType::CommonName, "shop");
            let key = KeyPair::generate().unwrap();
            let leaf = params.signed_by(&key, &authority.issuer).unwrap().der().clone();
            let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![leaf], der).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut client = RawClient::over(stream);
    client
        .send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Client-Cert: forged\r\n\r\n")
        .await;
    let answer = client.answer().await;
    serving.abort();
    let head = (backend.requests() > 0).then(|| backend.head());
    (answer.status, head)
}

#[tokio::test]
async fn the_names_of_a_verified_certificate_decide_and_are_the_identity() {
    let uri = || SanType::URI(ia5(SPIFFE));
    let dns = || SanType::DnsName(ia5("shop.example.org"));
    let mail = || SanType::Rfc822Name(ia5("shop@example.org"));
    let any = ClientCert::new;
    let mesh = || ClientCert::new().allow("spiffe://example.org/ns/web/*");
    for (case, check, names, expected, subject) in [
        ("URI", any(), Some(vec![dns(), uri()]), 200, SPIFFE),
        ("DNS name", any(), Some(vec![mail(), dns()]), 200, "shop.example.org"),
        ("email", any(), Some(vec![mail()]), 200, "shop@example.org"),
        ("common name", any(), Some(vec![]), 200, "shop"),
        ("none", any(), None, 403, ""),
        ("allowed", mesh(), Some(vec![uri()]), 200, SPIFFE),
        (
            "one of two is allowed",
            mesh().allow("*.example.org"),
            Some(vec![dns()]),
            200,
            "shop.example.org",
        ),
        ("not allowed", mesh(), Some(vec![dns()]), 403, ""),
        ("common name beside others", ClientCert::new().allow("shop"), Some(vec![dns()]), 403, ""),
    ] {
        let (status, head) = call(check, names).await;
        assert_eq!(status, expected, "{case}");
        let identity =
            head.and_then(|head| head.extensions.get::<parapet_authn::Identity>().cloned());
        assert_eq!(
            identity.as_ref().and_then(|who| who.subject()).unwrap_or(""),
            subject,
            "{case}"
        );
    }
}

#[tokio::test]
async fn among_others_a_client_without_a_certificate_is_asked_for_what_it_may_have() {
    let mtls = || ClientCert::new().build().unwrap();
    let basic = || Basic::new("ann", "x").build().unwrap();
    let own = || Basic::verify(|_, _| async { Err(AuthError::MissingAuthorization) });
    for (schemes, expected, challenge) in [
        (vec![mtls()], 403, ""),
        (vec![mtls(), mtls()], 403, ""),
        (vec![mtls(), basic()], 401, r#"Basic realm="Restricted""#),
        (vec![basic(), mtls()], 401, r#"Basic realm="Restricted""#),
        (vec![own().build().unwrap(), mtls()], 401, r#"Basic realm="Restricted""#),
    ] {
        let (handler, _) = wrap(&Any::new(schemes).build().unwrap());
        let (status, challenges, reason) = ask(&handler, get(&[])).await;
        assert_eq!((status, challenges.as_str(), reason), (expected, challenge, "missing"));
    }
}

#[tokio::test]
async fn the_certificate_is_told_to_the_backend_and_the_clients_copy_goes() {
    let check = || ClientCert::new().forward_header(XFCC);
    let (_, head) = call(check(), Some(vec![SanType::URI(ia5(SPIFFE))])).await;
    let head = head.unwrap();
    let told: Vec<_> = head.headers.get_all("x-forwarded-client-cert").iter().collect();
    assert_eq!(told.len(), 1);
    let told = told[0].to_str().unwrap();
    let (hash, rest) = told.split_once(';').unwrap();
    assert_eq!(hash.len(), "Hash=".len() + 64);
    assert_eq!(rest, format!(r#"Subject="CN=shop";URI={SPIFFE}"#));

    let (handler, backend) = wrap(&check().build().unwrap().optional(true));
    assert_eq!(handler.serve(get(&[("x-forwarded-client-cert", "forged")])).await.status(), 200);
    assert!(!backend.head().headers.contains_key("x-forwarded-client-cert"));
}
