use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use parapet_core::{Body, RequestHead};

use crate::scheme::{Check, Checked, Denial, Scheme};
use crate::{AuthError, Authenticator, Error};

/// Several schemes on one route: the first whose credentials are present decides, and a 401 carries the challenges of all.
///
/// Of the authenticators given, only the check and its challenges count; `optional`, `forbidden` and `on_decision` are
/// set on what is built here.
#[derive(Debug)]
pub struct Any(Vec<Authenticator>);

impl Any {
    /// Tries `schemes` in this order.
    pub fn new(schemes: impl IntoIterator<Item = Authenticator>) -> Self {
        Self(schemes.into_iter().collect())
    }

    /// Makes the authenticator.
    ///
    /// # Errors
    /// [`NoSchemes`](Error::NoSchemes) if none was given.
    pub fn build(self) -> Result<Authenticator, Error> {
        if self.0.is_empty() {
            return Err(Error::NoSchemes);
        }
        let schemes: Vec<_> = self.0.iter().map(|one| Arc::clone(one.scheme())).collect();
        let own = schemes.iter().flat_map(|scheme| scheme.own_fields().to_vec()).collect();
        Ok(Authenticator::of(AnyOf { schemes: schemes.into(), own }))
    }
}

struct AnyOf {
    schemes: Arc<[Arc<dyn Scheme>]>,
    own: Vec<HeaderName>,
}

impl Scheme for AnyOf {
    fn name(&self) -> &'static str {
        "any"
    }

    fn check(&self, head: &RequestHead) -> Check {
        let mut later = Vec::new();
        let mut missing = None;
        for scheme in self.schemes.iter() {
            match scheme.check(head) {
                Check::Now(Err(denial)) if is_missing(&denial) => {
                    // A client without a certificate may have a password: only where there is no such way is it 403.
                    missing =
                        missing.filter(|kept: &Denial| kept.status.is_none()).or(Some(denial));
                }
                // A scheme that has to wait may yet find no credentials: those behind it get ready too, since the head is
                // here now only.
                check @ (Check::Later(_) | Check::WithBody(_)) => later.push(check),
                check @ Check::Now(_) => {
                    later.push(check);
                    break;
                }
            }
        }
        if later.len() < 2 {
            let nobody = || Check::Now(Err(missing.unwrap_or_else(Denial::missing)));
            return later.pop().unwrap_or_else(nobody);
        }
        if !later.iter().any(|check| matches!(check, Check::WithBody(_))) {
            return Check::Later(Box::pin(async move { first(later, Body::empty()).await.1 }));
        }
        Check::WithBody(Box::new(move |body| Box::pin(first(later, body))))
    }

    fn challenges(&self, error: &AuthError, into: &mut HeaderMap) {
        for scheme in self.schemes.iter() {
            scheme.challenges(error, into);
        }
    }

    fn own_fields(&self) -> &[HeaderName] {
        &self.own
    }
}

/// What the first that finds credentials says. The body is read only when its turn comes to one that wants it.
async fn first(checks: Vec<Check>, mut body: Body) -> (Body, Checked) {
    for check in checks {
        let checked = match check {
            Check::Now(checked) => checked,
            Check::Later(check) => check.await,
            Check::WithBody(check) => {
                let (back, checked) = check(body).await;
                body = back;
                checked
            }
        };
        if !matches!(&checked, Err(denial) if is_missing(denial)) {
            return (body, checked);
        }
    }
    (body, Err(Denial::missing()))
}

fn is_missing(denial: &Denial) -> bool {
    matches!(denial.error, AuthError::MissingAuthorization)
}
