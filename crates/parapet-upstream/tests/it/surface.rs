use parapet_upstream::{
    Attempt, Client, ClientBuilder, ConfigError, ConnectPolicy, Error, Gate, Guard, Picked,
    RetryBudget, RoundRobin, RoundTripInfo, Target, TargetSet, Transport, UpgradedUpstream,
    Upstream,
};

use crate::support::Backend;

fn assert_shared<T: Send + Sync + std::fmt::Debug>() {}

#[test]
fn everything_can_be_shared_and_printed() {
    assert_shared::<Attempt>();
    assert_shared::<Client>();
    assert_shared::<ClientBuilder>();
    assert_shared::<ConfigError>();
    assert_shared::<ConnectPolicy>();
    assert_shared::<Error>();
    assert_shared::<Gate>();
    assert_shared::<Guard>();
    assert_shared::<RetryBudget>();
    assert_shared::<RoundRobin>();
    assert_shared::<RoundTripInfo<'_>>();
    assert_shared::<Target>();
    assert_shared::<TargetSet>();
    #[cfg(feature = "tls")]
    assert_shared::<parapet_upstream::TlsReload>();
    assert_shared::<Transport>();
    assert_shared::<UpgradedUpstream>();
    assert_shared::<Upstream>();
}

#[test]
fn picked_can_be_printed() {
    let picked = Picked::new(std::sync::Arc::new(Backend::ok().target("app")));
    assert!(format!("{picked:?}").contains("app"));
}

#[test]
fn debug_of_a_proxy_names_its_targets_and_settings() {
    let upstream = Backend::ok().upstream().path("/base").unwrap().retries(7);
    let text = format!("{upstream:?}");
    for part in ["app:8080", "/base", "retries: 7"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn errors_tell_what_to_write() {
    let upstream = || Backend::ok().upstream();
    let error = |result: Result<_, ConfigError>| result.map(|_: Upstream| ()).unwrap_err();
    for (error, text) in [
        (
            error(upstream().path("base")),
            "\"base\" is no base path: it does not begin with '/'; write /base or /base?key=value",
        ),
        (error(upstream().host("a b")), "\"a b\" is no host: write name, name:port or [v6]:port"),
        (
            error(Upstream::single_host("app:0", &Backend::ok())),
            "\"app:0\" is no target: the port must be a number from 1 to 65535",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
