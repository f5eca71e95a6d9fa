use std::sync::Arc;

use crate::{Handler, Request, ResponseFuture, Serve};

/// Every feature of the framework is one of these: it wraps the handler behind it into another.
///
/// `wrap` runs once, at set-up, from the innermost layer to the outermost; a request then walks a fixed graph of
/// [`Handler`]s. What does not depend on the request belongs into `wrap`; a layer that is switched off returns `next`.
///
/// Implemented for closures `Fn(Handler) -> Handler`, for `Option` (`None` = no layer), `Arc`, `Box<dyn Middleware>`,
/// tuples up to 16, arrays and `Vec` (first is outermost), and for [`Handler`] itself, which then answers every request
/// and never calls next.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    note = "if it is a `Result`, put `?` behind it: constructors that can be given bad input are fallible"
)]
pub trait Middleware: Send + Sync + 'static {
    /// Wraps `next`.
    fn wrap(&self, next: Handler) -> Handler;
}

impl<F> Middleware for F
where
    F: Fn(Handler) -> Handler + Send + Sync + 'static,
{
    fn wrap(&self, next: Handler) -> Handler {
        self(next)
    }
}

/// A handler as the innermost layer: never calls next.
impl Middleware for Handler {
    fn wrap(&self, _next: Handler) -> Handler {
        self.clone()
    }
}

impl<M: Middleware> Middleware for Option<M> {
    fn wrap(&self, next: Handler) -> Handler {
        match self {
            Some(middleware) => middleware.wrap(next),
            None => next,
        }
    }
}

impl<M: Middleware + ?Sized> Middleware for Arc<M> {
    fn wrap(&self, next: Handler) -> Handler {
        (**self).wrap(next)
    }
}

impl Middleware for Box<dyn Middleware> {
    fn wrap(&self, next: Handler) -> Handler {
        (**self).wrap(next)
    }
}

impl<M: Middleware, const N: usize> Middleware for [M; N] {
    fn wrap(&self, next: Handler) -> Handler {
        self.iter().rev().fold(next, |next, middleware| middleware.wrap(next))
    }
}

impl<M: Middleware> Middleware for Vec<M> {
    fn wrap(&self, next: Handler) -> Handler {
        self.iter().rev().fold(next, |next, middleware| middleware.wrap(next))
    }
}

macro_rules! tuple {
    ($($name:ident)+; $($reversed:ident)+) => {
        impl<$($name: Middleware),+> Middleware for ($($name,)+) {
            #[expect(non_snake_case, reason = "type parameters double as the names of their values")]
            fn wrap(&self, next: Handler) -> Handler {
                let ($($name,)+) = self;
                $(let next = $reversed.wrap(next);)+
                next
            }
        }
    };
}

tuple!(A; A);
tuple!(A B; B A);
tuple!(A B C; C B A);
tuple!(A B C D; D C B A);
tuple!(A B C D E; E D C B A);
tuple!(A B C D E F; F E D C B A);
tuple!(A B C D E F G; G F E D C B A);
tuple!(A B C D E F G H; H G F E D C B A);
tuple!(A B C D E F G H I; I H G F E D C B A);
tuple!(A B C D E F G H I J; J I H G F E D C B A);
tuple!(A B C D E F G H I J K; K J I H G F E D C B A);
tuple!(A B C D E F G H I J K L; L K J I H G F E D C B A);
tuple!(A B C D E F G H I J K L M; M L K J I H G F E D C B A);
tuple!(A B C D E F G H I J K L M N; N M L K J I H G F E D C B A);
tuple!(A B C D E F G H I J K L M N O; O N M L K J I H G F E D C B A);
tuple!(A B C D E F G H I J K L M N O P; P O N M L K J I H G F E D C B A);

/// Makes a middleware that answers every request with `serve` and never calls next.
pub fn terminal(serve: impl Serve) -> impl Middleware {
    Handler::new(serve)
}

impl Serve for Handler {
    fn serve(&self, request: Request) -> ResponseFuture {
        Handler::serve(self, request)
    }
}
