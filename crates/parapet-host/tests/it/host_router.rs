use std::fmt::Write as _;

use parapet_core::{Handler, Middleware};
use parapet_host::HostRouter;
use proptest::prelude::*;

use crate::host::{answering, ask};

type Route = (&'static str, &'static str);

const ROUTES: [Route; 4] = [("a.b.c", "1"), ("*.b.c", "2"), ("*.c", "3"), ("*", "4")];

fn router(routes: &[Route]) -> Handler {
    let builder = routes.iter().fold(HostRouter::builder(), |builder, (pattern, name)| {
        builder.route([pattern], answering(name))
    });
    builder.build().unwrap().wrap(answering("next"))
}

#[tokio::test]
async fn the_most_specific_host_wins_whatever_the_order() {
    for turn in 0..ROUTES.len() {
        let mut routes = ROUTES;
        routes.rotate_left(turn);
        for reversed in [false, true] {
            if reversed {
                routes.reverse();
            }
            let handler = router(&routes);
            for (authority, name, pattern) in [
                ("a.b.c", "1", "a.b.c"),
                ("x.b.c", "2", "*.b.c"),
                ("x.y.b.c", "2", "*.b.c"),
                ("b.c", "3", "*.c"),
                ("d", "4", "*"),
                ("", "4", "*"),
            ] {
                let expected = (name.to_owned(), Some(pattern.to_owned()));
                assert_eq!(ask(&handler, authority).await, expected, "{authority} {routes:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_wildcard_matches_no_name_that_is_none() {
    for others in [0, 20] {
        let builder = HostRouter::builder().route(["*.example.com"], answering("wildcard"));
        let builder = (0..others).fold(builder, |builder, other| {
            builder.route([format!("site-{other}.test")], answering("other"))
        });
        let handler = builder.build().unwrap().wrap(answering("next"));
        for (authority, name) in [
            ("a.example.com", "wildcard"),
            ("A_b-1.c.EXAMPLE.com.", "wildcard"),
            (".example.com", "next"),
            ("a..example.com", "next"),
            (".a.example.com", "next"),
            ("a!b.example.com", "next"),
            ("a.example.com..", "next"),
        ] {
            assert_eq!(ask(&handler, authority).await.0, name, "{others} {authority}");
        }
    }
}

#[tokio::test]
async fn addresses_beat_the_longest_network_which_beats_the_rest() {
    let handler = HostRouter::builder()
        .route(["*"], answering("any"))
        .route_cidr(["10.0.0.0/8", "fd00::/8"], answering("wide"))
        .route_cidr(["10.1.0.0/16"], answering("narrow"))
        .route(["10.1.1.1", "[fd00::1]"], answering("address"))
        .build()
        .unwrap()
        .wrap(answering("next"));
    for (authority, name) in [
        ("10.1.1.1:80", "address"),
        ("[fd00::1]", "address"),
        ("10.1.2.3", "narrow"),
        ("10.2.2.3", "wide"),
        ("[fd00::2]", "wide"),
        ("192.0.2.1", "any"),
        ("10.1.1.1.test", "any"),
    ] {
        assert_eq!(ask(&handler, authority).await.0, name, "{authority}");
    }
}

#[tokio::test]
async fn a_route_falls_through_to_next_and_never_to_a_less_specific_one() {
    let handler = HostRouter::builder()
        .route(["a.test"], |next: Handler| next)
        .route(["*.test"], answering("wildcard"))
        .build()
        .unwrap()
        .wrap(answering("next"));
    assert_eq!(ask(&handler, "a.test").await, ("next".into(), Some("a.test".into())));
    assert_eq!(ask(&handler, "b.test").await.0, "wildcard");
    assert_eq!(ask(&handler, "test").await, ("next".into(), None));
}

#[test]
fn an_empty_router_is_no_layer() {
    let next = answering("next");
    let router = HostRouter::builder().build().unwrap();
    assert!(router.wrap(next.clone()).is_same(&next));
}

#[tokio::test]
async fn a_live_table_is_replaced_while_it_serves() {
    let table = |name| HostRouter::builder().route(["a.test"], answering(name)).build().unwrap();
    let (layer, live) = table("old").live();
    let handler = layer.wrap(answering("next"));
    assert_eq!(ask(&handler, "a.test").await.0, "old");
    live.replace(table("new"));
    assert_eq!(ask(&handler, "a.test").await.0, "new");
    assert_eq!(ask(&handler, "b.test").await.0, "next");
}

proptest! {
    /// Against the obvious model: every pattern is tried, the longest wins.
    #[test]
    fn a_table_of_many_finds_what_a_walk_finds(
        names in proptest::collection::btree_set("[ab](\\.[ab]){0,3}", 0..24),
        suffixes in proptest::collection::btree_set("[ab](\\.[ab]){0,2}", 0..12),
        asked in "[abAB](\\.[abAB]){0,5}\\.?",
    ) {
        let mut builder = HostRouter::builder();
        for name in &names {
            builder = builder.route([name], answering("name"));
        }
        for suffix in &suffixes {
            builder = builder.route([format!("*.{suffix}")], answering("wildcard"));
        }
        let handler = builder.build().unwrap().wrap(answering("next"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, found) = runtime.block_on(ask(&handler, &asked));

        let host = asked.trim_end_matches('.').to_ascii_lowercase();
        let under = |suffix: &&String| {
            host.strip_suffix(suffix.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        };
        let expected = names.get(&host).cloned().or_else(|| {
            let longest = suffixes.iter().filter(under).max_by_key(|suffix| suffix.len())?;
            let mut pattern = String::from("*.");
            pattern.write_str(longest).unwrap();
            Some(pattern)
        });
        prop_assert_eq!(found, expected, "{}", asked);
    }
}
