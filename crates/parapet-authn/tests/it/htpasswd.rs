use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parapet_authn::{Basic, Error};
use tokio::time::{Instant, advance};

use crate::support::{ask, status, user, wrap};

fn bcrypt(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn argon2(name: &str, algorithm: argon2::Algorithm, password: &str) -> String {
    let params = argon2::Params::new(64, 1, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(algorithm, argon2::Version::V0x13, params);
    let (salt, mut hash) = (b"0123456789abcdef", [0; 32]);
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash).unwrap();
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("${name}$v=19$m=64,t=1,p=1${salt}${hash}")
}

#[tokio::test]
async fn bcrypt_and_argon2_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let content = [
        "# users".to_owned(),
        String::new(),
        format!("ann:{}", bcrypt("one")),
        format!("old:{}", bcrypt("one").replacen("$2b$", "$2y$", 1)),
        format!("bob:{}", argon2("argon2id", argon2::Algorithm::Argon2id, "two")),
        format!("eve:{}", argon2("argon2i", argon2::Algorithm::Argon2i, "three")),
    ];
    fs::write(&path, content.join("\n")).unwrap();
    let (handler, backend) = wrap(&Basic::htpasswd(&path).build().unwrap());
    for (name, password, expected) in [
        ("ann", "one", 200),
        ("ann", "one", 200),
        ("ann", "two", 401),
        ("old", "one", 200),
        ("bob", "two", 200),
        ("bob", "one", 401),
        ("eve", "three", 200),
        ("eve", "", 401),
        ("nobody", "one", 401),
        ("", "", 401),
    ] {
        assert_eq!(status(&handler, user(name, password)).await, expected, "{name} {password}");
    }
    assert_eq!(backend.requests(), 5);
}

#[test]
fn what_is_no_password_hash_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let good = format!("ann:{}", bcrypt("one"));
    for (bad, text) in [
        (
            "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "line 3 of the password file: {SHA} is not taken",
        ),
        ("bob:$apr1$x$y", "line 3 of the password file: apr1 is not taken"),
        ("bob:rqXexS6ZhobKA", "line 3 of the password file: not a hash of bcrypt"),
        ("bob:plain", "line 3 of the password file: not a hash of bcrypt"),
        ("bob", "line 3 of the password file: no colon"),
        (":x", "line 3 of the password file: the user name is empty"),
        (
            "bob:$2b$18$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "line 3 of the password file: a bcrypt cost above 17",
        ),
        ("bob:$2b$04$short", "line 3 of the password file: a malformed bcrypt hash"),
        (
            "bob:$argon2id$v=19$m=9999999,t=1,p=1$AAAA$AAAA",
            "line 3 of the password file: a malformed argon2",
        ),
        (
            "bob:$argon2d$v=19$m=64,t=1,p=1$AAAA$AAAA",
            "line 3 of the password file: not a hash of bcrypt",
        ),
        (&good, "line 3 of the password file: the user is there twice"),
    ] {
        fs::write(&path, format!("{good}\n\n{bad}\n")).unwrap();
        let error = Basic::htpasswd(&path).build().unwrap_err();
        assert!(matches!(error, Error::PasswordLine { line: 3, .. }));
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let missing = Basic::htpasswd(folder.path().join("nothing")).build();
    assert!(matches!(missing, Err(Error::PasswordFile(_))));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_file_serves_after_five_seconds_and_a_bad_one_keeps_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, format!("ann:{}", bcrypt("one"))).unwrap();
    let (handler, _) = wrap(&Basic::htpasswd(&path).build().unwrap());
    assert_eq!(status(&handler, user("ann", "one")).await, 200);

    fs::write(&path, format!("ann:{}\nbob:{}", bcrypt("two"), bcrypt("x"))).unwrap();
    assert_eq!(status(&handler, user("ann", "one")).await, 200);
    advance(Duration::from_secs(5)).await;
    assert_eq!(status(&handler, user("ann", "one")).await, 401);
    assert_eq!(status(&handler, user("ann", "two")).await, 200);

    fs::write(&path, "ann:plain").unwrap();
    advance(Duration::from_secs(5)).await;
    assert_eq!(status(&handler, user("ann", "two")).await, 200);
    fs::remove_file(&path).unwrap();
    advance(Duration::from_secs(5)).await;
    assert_eq!(status(&handler, user("ann", "two")).await, 200);
}

/// The route that must not suffer shares the runtime's one thread with the logins.
#[tokio::test]
async fn two_hundred_logins_at_once_leave_other_routes_quick() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, format!("ann:{}", bcrypt::hash("one", 6).unwrap())).unwrap();
    let (handler, _) = wrap(&Basic::htpasswd(&path).build().unwrap());
    let logins: Vec<_> = (0..200)
        .map(|number| {
            let handler = handler.clone();
            tokio::spawn(async move { ask(&handler, user("ann", &number.to_string())).await.0 })
        })
        .collect();
    let (other, _) = wrap(&Basic::new("a", "b").build().unwrap());
    let mut times = Vec::new();
    while logins.iter().any(|login| !login.is_finished()) {
        let began = Instant::now();
        assert_eq!(status(&other, user("a", "b")).await, 200);
        tokio::task::yield_now().await;
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for login in logins {
        assert!(matches!(login.await.unwrap(), 401 | 503));
    }
    // Not the slowest one: the machine is shared with other tests.
    times.sort_unstable();
    let usual = times[times.len() * 9 / 10];
    assert!(usual < Duration::from_millis(50), "{usual:?} of {}", times.len());
}
