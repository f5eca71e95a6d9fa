use std::time::Duration;

use parapet_hsts::{self as hsts, Builder, Error, Hsts};

const YEAR: Duration = Duration::from_secs(31_536_000);

fn refused(builder: Builder) -> Error {
    builder.build().unwrap_err()
}

#[test]
fn the_default_is_one_value_under_two_names() {
    assert_eq!(Hsts::default(), hsts::default());
    assert_ne!(Hsts::default(), hsts::default().over_http(true));
}

#[test]
fn what_the_preload_list_refuses_is_no_policy() {
    for (builder, max_age, include_subdomains) in [
        (Hsts::builder(YEAR), YEAR, false),
        (
            Hsts::builder(Duration::from_secs(31_535_999)).include_subdomains(true),
            Duration::from_secs(31_535_999),
            true,
        ),
        (Hsts::builder(Duration::ZERO), Duration::ZERO, false),
    ] {
        let error = refused(builder.preload(true));
        assert_eq!(error, Error::NotPreloadable { max_age, include_subdomains });
    }
    assert!(Hsts::builder(YEAR).include_subdomains(true).preload(true).build().is_ok());
}

#[test]
fn a_longest_age_is_two_to_the_31_seconds() {
    let most = Duration::from_secs(1 << 31);
    assert!(Hsts::builder(most).build().is_ok());
    for above in [most + Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(refused(Hsts::builder(above)), Error::MaxAge(above));
    }
}

#[test]
fn errors_say_what_to_set() {
    let texts = [
        refused(Hsts::builder(YEAR).preload(true)).to_string(),
        refused(Hsts::builder(YEAR * 100)).to_string(),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    preload with max_age 31536000 s and include_subdomains(false): the browsers' list wants at least 31536000 s and include_subdomains(true)
    max_age is 3153600000 s: allowed are 0 to 2147483648 s (68 years)
    ");
}

#[test]
fn everything_public_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<Hsts>();
    shared::<Builder>();
    shared::<Error>();
}
