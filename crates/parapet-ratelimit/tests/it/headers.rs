use std::time::Duration;

use http::StatusCode;
use parapet_core::{Handler, Middleware, Response, handler_fn};
use parapet_ratelimit::{
    RateLimitHeaders, concurrent, fixed_window, fixed_window_per_minute, gcra,
    sliding_window_per_hour,
};

use crate::fixtures::{ok, request, wrap};

/// A list of Strings with parameters, by the grammar of RFC 9651 as far as these fields use it.
fn parse(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    text.split(", ")
        .map(|member| {
            let mut parts = member.split(';');
            let name = parts.next().unwrap();
            let name = name.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            assert!(!name.contains(['"', '\\']));
            let params = parts.map(|param| {
                let (key, value) = param.split_once('=').unwrap();
                assert!(key.bytes().all(|byte| byte.is_ascii_lowercase()));
                assert!(
                    value.starts_with('"') && value.ends_with('"') || value.parse::<u64>().is_ok()
                );
                (key.to_owned(), value.to_owned())
            });
            (name.to_owned(), params.collect())
        })
        .collect()
}

fn lines(response: &Response, name: &str) -> Vec<String> {
    let lines = response.headers().get_all(name).iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// The value of parameter `key` in the only line of field `name`.
fn param(response: &Response, name: &str, key: &str) -> u64 {
    let members = parse(&lines(response, name).join(", "));
    let (_, value) = members[0].1.iter().find(|(of, _)| of == key).unwrap();
    value.parse().unwrap()
}

async fn ask(handler: &Handler) -> Response {
    handler.serve(request("10.0.0.1")).await
}

#[tokio::test]
async fn the_fields_tell_policy_and_state() {
    let limiter = fixed_window_per_minute(60).name("api").headers(RateLimitHeaders::Ietf);
    let response = ask(&wrap(&limiter)).await;
    assert_eq!(lines(&response, "ratelimit-policy"), [r#""api";q=60;w=60"#]);
    let t = param(&response, "ratelimit", "t");
    assert!((1..=60).contains(&t), "{t}");
    assert_eq!(lines(&response, "ratelimit"), [format!(r#""api";r=59;t={t}"#)]);
    assert!(lines(&response, "x-ratelimit-limit").is_empty());
}

#[tokio::test]
async fn a_limited_response_tells_the_time_of_retry_after() {
    let limiter = fixed_window_per_minute(1).headers(RateLimitHeaders::Both).retry_jitter(1.0);
    let handler = wrap(&limiter);
    ask(&handler).await;
    let response = ask(&handler).await;
    assert_eq!(response.status(), 429);
    let retry_after = response.headers()["retry-after"].to_str().unwrap();
    assert_eq!(param(&response, "ratelimit", "t").to_string(), retry_after);
    assert_eq!(lines(&response, "x-ratelimit-reset"), [retry_after]);
    assert_eq!(lines(&response, "ratelimit-policy"), [r#""default";q=1;w=60"#]);
    assert_eq!(param(&response, "ratelimit", "r"), 0);
}

#[tokio::test]
async fn each_limiter_adds_its_own_line_and_those_of_the_origin_stay() {
    let outer = fixed_window_per_minute(10).name("a").headers(RateLimitHeaders::Ietf);
    let inner = sliding_window_per_hour(20).name("b").headers(RateLimitHeaders::Ietf);
    let origin = handler_fn(|_| async {
        let mut response = Response::new("ok".into());
        response.headers_mut().insert("ratelimit-policy", r#""o";q=1"#.parse().unwrap());
        response
    });
    let response = ask(&(outer, inner).wrap(origin)).await;
    let policies = lines(&response, "ratelimit-policy");
    assert_eq!(policies, [r#""o";q=1"#, r#""b";q=20;w=3600"#, r#""a";q=10;w=60"#]);
    assert_eq!(parse(&policies.join(", ")).len(), 3);
    assert_eq!(lines(&response, "ratelimit").len(), 2);
}

#[tokio::test]
async fn each_kind_of_limit_has_its_form() {
    let rows = [
        (concurrent(5), r#""default";q=5;qu="concurrent-requests""#, r#""default";r=4"#),
        (
            gcra(10, Duration::from_secs(4), 3).unwrap(),
            r#""default";q=3;w=2"#,
            r#""default";r=2;t=1"#,
        ),
        (
            fixed_window(5, Duration::from_millis(1_500)).unwrap(),
            r#""default";q=5"#,
            r#""default";r=4;t=_"#,
        ),
        (
            fixed_window(5, Duration::from_millis(500)).unwrap(),
            r#""default";q=5"#,
            r#""default";r=4;t=1"#,
        ),
    ];
    for (limiter, policy, state) in rows {
        let response = ask(&wrap(&limiter.headers(RateLimitHeaders::Ietf))).await;
        assert_eq!(lines(&response, "ratelimit-policy"), [policy]);
        let seen = lines(&response, "ratelimit").remove(0);
        match state.strip_suffix('_') {
            Some(begin) => assert!(seen.starts_with(begin), "{seen}"),
            None => assert_eq!(seen, state),
        }
        parse(policy);
        parse(&seen);
    }
}

#[tokio::test]
async fn the_old_names_count_seconds_from_now() {
    let limiter = fixed_window_per_minute(60).headers(RateLimitHeaders::XRateLimit);
    let response = ask(&wrap(&limiter)).await;
    assert_eq!(lines(&response, "x-ratelimit-limit"), ["60"]);
    assert_eq!(lines(&response, "x-ratelimit-remaining"), ["59"]);
    let reset: u64 = lines(&response, "x-ratelimit-reset")[0].parse().unwrap();
    assert!((1..=60).contains(&reset), "{reset}");
    assert!(lines(&response, "ratelimit").is_empty());
}

#[tokio::test]
async fn a_head_of_1xx_gets_no_field_and_off_adds_none() {
    let switching = handler_fn(|_| async { StatusCode::SWITCHING_PROTOCOLS });
    let limiter = fixed_window_per_minute(60).headers(RateLimitHeaders::Both);
    assert!(ask(&limiter.wrap(switching)).await.headers().is_empty());
    let response = ask(&fixed_window_per_minute(60).wrap(ok())).await;
    assert!(!response.headers().keys().any(|name| name.as_str().contains("ratelimit")));
}
