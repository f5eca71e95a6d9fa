use parapet_authn::{AuthError, Basic, Error};

use crate::support::{ask, get, reason, status, text, user, wrap};

#[tokio::test]
async fn one_pair_is_let_in_and_its_password_does_not_reach_the_backend() {
    let (handler, backend) = wrap(&Basic::new("ann", "a:b:c").realm("test").build().unwrap());
    for (request, expected, reason) in [
        (get(&[]), 401, "missing"),
        (user("ann", "a:b:c"), 200, ""),
        (user("ann", "a"), 401, "bad_credentials"),
        (user("ann", ""), 401, "bad_credentials"),
        (user("bob", "a:b:c"), 401, "bad_credentials"),
        (user("", ""), 401, "bad_credentials"),
        (get(&[("authorization", "Bearer x")]), 401, "missing"),
        (get(&[("authorization", "Basic")]), 401, "malformed"),
        (get(&[("authorization", "basic YW5uOmE6Yjpj")]), 200, ""),
        (get(&[("authorization", "Basic   YW5uOmE6Yjpj ")]), 200, ""),
    ] {
        let shown = format!("{:?}", request.headers());
        let (found, challenge, why) = ask(&handler, request).await;
        assert_eq!((found, why), (expected, reason), "{shown}");
        assert_eq!(challenge == r#"Basic realm="test""#, expected == 401, "{shown}");
    }
    let head = backend.head();
    assert!(!head.headers.contains_key("authorization"));
    assert_eq!(
        head.extensions.get::<parapet_authn::Identity>().and_then(|who| who.subject()),
        Some("ann")
    );
}

#[tokio::test]
async fn the_challenge_is_quoted_and_may_name_the_charset() {
    for (basic, challenge) in [
        (Basic::new("a", "b"), r#"Basic realm="Restricted""#),
        (Basic::new("a", "b").realm(r#"the "area" \"#), r#"Basic realm="the \"area\" \\""#),
        (Basic::new("a", "b").charset_utf8(true), r#"Basic realm="Restricted", charset="UTF-8""#),
    ] {
        let (handler, _) = wrap(&basic.build().unwrap());
        let response = handler.serve(get(&[])).await;
        assert_eq!(response.headers()["www-authenticate"], challenge);
        assert_eq!(text(response).await, "Unauthorized\n");
    }
}

#[test]
fn bad_settings_are_typed_errors() {
    for (user, password) in [("", "b"), ("a", ""), ("", "")] {
        assert!(matches!(Basic::new(user, password).build(), Err(Error::EmptyCredentials)));
    }
    assert!(matches!(Basic::new("a", "b").realm("a\nb").build(), Err(Error::BadRealm(_))));
    // What no client can send would lock everybody out.
    for (user, password) in [("a:b", "c"), ("a", "from a file\n"), ("a\0", "b")] {
        let built = Basic::new(user, password).build();
        assert!(matches!(built, Err(Error::BadCredentials(_))), "{user:?} {password:?}");
    }
}

#[tokio::test]
async fn credentials_can_be_kept_and_utf_8_is_understood() {
    let kept = Basic::new("jürgen", "pässwörd").keep_credentials(true);
    let (handler, backend) = wrap(&kept.build().unwrap());
    assert_eq!(status(&handler, user("jürgen", "pässwörd")).await, 200);
    assert!(backend.head().headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_own_store_decides_and_its_errors_have_their_status() {
    let own = Basic::verify(|head, credentials| {
        let tenant = head.headers.contains_key("x-tenant");
        assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
        async move {
            match (credentials.user(), credentials.password()) {
                ("ann", "secret") if tenant => Ok(()),
                ("down", _) => Err(AuthError::Unavailable),
                _ => Err(AuthError::InvalidCredentials),
            }
        }
    });
    let (handler, backend) = wrap(&own.build().unwrap());
    let mut good = user("ann", "secret");
    good.headers_mut().insert("x-tenant", "1".parse().unwrap());
    assert_eq!(status(&handler, good).await, 200);
    assert_eq!(backend.requests(), 1);
    assert_eq!(status(&handler, user("ann", "secret")).await, 401);
    let response = handler.serve(user("down", "x")).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (503, "unavailable"));
    assert!(!response.headers().contains_key("www-authenticate"));
}
