use parapet_core::{Chain, Handler, Middleware};
use parapet_location::{Locations, LocationsBuilder, Precedence, exact, prefix, regexp};
use proptest::prelude::*;

use crate::location::{answering, ask};

fn specific() -> LocationsBuilder {
    Locations::builder()
        .regexp(r"\.js$", answering("js"))
        .regexp(r"^/[ab]/x", answering("ab"))
        .prefix("/", answering("root"))
        .prefix("/admin", answering("admin"))
        .prefix("/admin/deep/", answering("deep"))
        .prefix("/adm", answering("adm"))
        .exact("/admin/x.js", answering("exact"))
        .exact("/exact", answering("other exact"))
}

#[tokio::test]
async fn the_most_specific_location_wins() {
    let handler = specific().build().unwrap().wrap(answering("next"));
    let with_any = specific()
        .regexp("", answering("any regexp"))
        .prefix("", answering("any prefix"))
        .build()
        .unwrap()
        .wrap(answering("next"));
    for (path, name, with_any_name) in [
        ("/admin/x.js", "exact", "exact"),
        ("/admin/y.js", "admin", "admin"),
        ("/admin", "admin", "admin"),
        ("/admin/deep", "admin", "admin"),
        ("/admin/deep/", "deep", "deep"),
        ("/admin/deep/x.js", "deep", "deep"),
        ("/adm", "adm", "adm"),
        ("/adm/x", "adm", "adm"),
        ("/admi", "root", "any regexp"),
        ("/administrator", "root", "any regexp"),
        ("/x.js", "js", "js"),
        ("/a/x.js", "js", "js"),
        ("/a/xy", "ab", "ab"),
        ("/exact", "other exact", "other exact"),
        ("/exact/", "root", "any regexp"),
        ("/", "root", "any regexp"),
        ("*", "next", "any regexp"),
        ("a.test:443", "next", "any regexp"),
        ("/x/..;/y", "400", "400"),
    ] {
        assert_eq!(ask(&handler, path).await.0, name, "{path}");
        assert_eq!(ask(&with_any, path).await.0, with_any_name, "{path}");
    }
}

#[tokio::test]
async fn the_empty_prefix_comes_last() {
    let table = Locations::builder().prefix("", answering("any")).prefix("/", answering("root"));
    let handler = table.build().unwrap().wrap(answering("next"));
    assert_eq!(ask(&handler, "/x").await, ("root".into(), Some("/".into())));
    assert_eq!(ask(&handler, "*").await, ("any".into(), None));
    let only = Locations::builder().prefix("", answering("any")).build().unwrap();
    assert_eq!(ask(&only.wrap(answering("next")), "/%00").await, ("any".into(), None));
}

#[tokio::test]
async fn the_note_is_the_pattern_and_a_route_falls_through_to_next() {
    let handler = Locations::builder()
        .prefix("/a/b", |next: Handler| next)
        .prefix("/a", answering("a"))
        .regexp("c+", answering("c"))
        .build()
        .unwrap()
        .wrap(answering("next"));
    assert_eq!(ask(&handler, "/a/b/x").await, ("next".into(), Some("/a/b".into())));
    assert_eq!(ask(&handler, "/a/x").await, ("a".into(), Some("/a".into())));
    assert_eq!(ask(&handler, "/xcc").await, ("c".into(), Some("c+".into())));
    assert_eq!(ask(&handler, "/x").await, ("next".into(), None));
}

#[tokio::test]
async fn settings_of_the_table_hold_for_every_route() {
    let table = || Locations::builder().prefix("/admin", answering("admin"));
    let handler = table().ignore_path_params(true).build().unwrap().wrap(answering("next"));
    assert_eq!(ask(&handler, "/admin;x/y").await.0, "admin");
    let lax = table().dangerous_pass_bad_paths(true);
    let handler = lax.build().unwrap().wrap(answering("next"));
    assert_eq!(ask(&handler, "/x/..;/admin").await.0, "next");
}

#[test]
fn an_empty_table_is_no_layer() {
    let next = answering("next");
    assert!(Locations::builder().build().unwrap().wrap(next.clone()).is_same(&next));
}

#[tokio::test]
async fn a_live_table_is_replaced_while_it_serves() {
    let table = |name| Locations::builder().prefix("/a", answering(name)).build().unwrap();
    let (layer, live) = table("old").live();
    let handler = layer.wrap(answering("next"));
    assert_eq!(ask(&handler, "/a").await.0, "old");
    live.replace(table("new"));
    assert_eq!(ask(&handler, "/a").await.0, "new");
    assert_eq!(ask(&handler, "/b").await.0, "next");
}

const NAMES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

proptest! {
    #[test]
    fn order_is_the_same_as_the_locations_chained(
        patterns in proptest::collection::vec((0..3, "(/[ab]{1,2}){0,3}/?"), 0..8),
        paths in proptest::collection::vec("(/[ab.%2]{0,3}){1,4};?|\\*", 1..8),
        pass: bool,
        params: bool,
    ) {
        let mut table = Locations::builder().precedence(Precedence::Order);
        let mut chain = Chain::new();
        for ((kind, pattern), name) in patterns.iter().zip(NAMES) {
            let location = match kind {
                0 => exact(pattern),
                1 => prefix(pattern),
                _ => regexp(pattern),
            };
            let Ok(location) = location else { continue };
            chain.push(
                location
                    .with(answering(name))
                    .dangerous_pass_bad_paths(pass)
                    .ignore_path_params(params),
            );
            table = match kind {
                0 => table.exact(pattern, answering(name)),
                1 => table.prefix(pattern, answering(name)),
                _ => table.regexp(pattern, answering(name)),
            };
        }
        let table = table.dangerous_pass_bad_paths(pass).ignore_path_params(params);
        let Ok(table) = table.build() else { return Ok(()) }; // One pattern twice.
        let (table, chain) = (table.wrap(answering("next")), chain.wrap(answering("next")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for path in paths {
            let (found, expected) =
                runtime.block_on(async { (ask(&table, &path).await, ask(&chain, &path).await) });
            prop_assert_eq!(found, expected, "{}", path);
        }
    }

    /// Against the obvious model: every pattern is tried.
    #[test]
    fn specific_is_the_exact_path_or_the_longest_prefix(
        exact in proptest::collection::btree_set("(/[ab]{1,2}){1,3}/?", 0..12),
        prefixes in proptest::collection::btree_set("(/[ab]{1,2}){1,3}/?", 0..12),
        path in "(/[ab]{1,2}){1,4}/?",
    ) {
        let mut table = Locations::builder();
        for pattern in &exact {
            table = table.exact(pattern, answering("exact"));
        }
        for pattern in &prefixes {
            table = table.prefix(pattern, answering("prefix"));
        }
        let handler = table.build().unwrap().wrap(answering("next"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(ask(&handler, &path));
        let longest = prefixes
            .iter()
            .filter(|prefix| {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')
                })
            })
            .max_by_key(|prefix| prefix.len());
        let expected = match (exact.contains(&path), longest) {
            (true, _) => ("exact".to_owned(), Some(path.clone())),
            (false, Some(prefix)) => ("prefix".to_owned(), Some(prefix.clone())),
            (false, None) => ("next".to_owned(), None),
        };
        prop_assert_eq!(found, expected);
    }
}
