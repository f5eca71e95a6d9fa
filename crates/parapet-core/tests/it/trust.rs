//! Who is trusted: what the constructors take and refuse.

use parapet_core::{Error, TrustProxy, trust_cidrs};

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
