use http::HeaderMap;
use parapet_core::{BoxFuture, RequestHead};

use crate::scheme::{Check, Checked, Denial, Scheme};
use crate::{AuthError, Grant};

/// A check of the user's own.
pub(crate) struct Custom(Box<CheckFn>);

type CheckFn = dyn Fn(&RequestHead) -> BoxFuture<'static, Checked> + Send + Sync;

impl Custom {
    pub(crate) fn new<F, Fut>(check: F) -> Self
    where
        F: Fn(&RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Grant, AuthError>> + Send + 'static,
    {
        Self(Box::new(move |head| {
            let checked = check(head);
            Box::pin(async move { checked.await.map_err(Denial::from) })
        }))
    }
}

impl Scheme for Custom {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn check(&self, head: &RequestHead) -> Check {
        Check::Later((self.0)(head))
    }

    fn challenges(&self, _: &AuthError, _: &mut HeaderMap) {}
}
