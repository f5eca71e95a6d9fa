use super::peer::{Client, self_signed};
use crate::tls::misdirected::AuthorityCheck;
use crate::{ClientAuth, TlsConfig};

#[test]
fn an_authority_is_allowed_by_name_or_by_certificate() {
    let certificate = self_signed(&["a.example", "*.b.example", "127.0.0.1"]);
    let covered = AuthorityCheck::Covered(Some(certificate));
    let unknown = AuthorityCheck::Covered(None);
    for (server_name, host, exact, with_certificate, without) in [
        (Some("a.example"), "a.example", true, true, true),
        (Some("a.example"), "A.Example.", true, true, true),
        (Some("a.example"), "x.b.example", false, true, false),
        (Some("a.example"), "other.example", false, false, false),
        (Some("other.example"), "other.example", true, true, true),
        (Some("a.example"), "127.0.0.1", false, true, false),
        (None, "127.0.0.1", true, true, false),
        (None, "[::1]", true, false, false),
        (None, "a.example", false, true, false),
        (None, "", false, false, false),
    ] {
        for (check, expected) in [
            (&AuthorityCheck::Off, true),
            (&AuthorityCheck::Exact, exact),
            (&covered, with_certificate),
            (&unknown, without),
        ] {
            assert_eq!(
                check.allows(server_name, host),
                expected,
                "{check:?} {server_name:?} {host}"
            );
        }
    }
}

#[tokio::test]
async fn the_check_is_exact_as_soon_as_one_configuration_asks_for_client_certificates() {
    let certificate = self_signed(&["a.example", "b.example"]);
    let config = || TlsConfig::new(certificate.clone());
    let roots = || certificate.chain().to_vec();
    let asking = || config().client_auth(ClientAuth::Request(roots()));
    let rustls = TlsConfig::from_rustls(config().build().unwrap().root_config());
    for (config, b_on_a, c_on_a) in [
        (config(), true, true),
        (config().host("b.example", config()), true, true),
        (config().strict_sni(true), true, false),
        (config().host("b.example", config().strict_sni(true)), true, false),
        (asking(), false, false),
        (config().host("b.example", asking()), false, false),
        (config().strict_sni(true).host("b.example", asking()), false, false),
        (config().strict_sni(false).host("b.example", asking()), false, false),
        (config().host("b.example", rustls.clone()), false, false),
        (rustls, true, true),
    ] {
        let text = format!("{config:?}");
        let acceptor = config.build().unwrap();
        let (served, _) = Client::new(&[&certificate]).connects(&acceptor, "a.example").await;
        let name = served.info.server_name();
        assert!(served.check.allows(name, "a.example"), "{text}");
        assert_eq!(served.check.allows(name, "b.example"), b_on_a, "{text}");
        assert_eq!(served.check.allows(name, "c.example"), c_on_a, "{text}");
        assert_eq!(served.check.is_off(), c_on_a, "{text}");
    }
}
