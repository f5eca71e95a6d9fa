//! What a program needs: `use parapet::prelude::*`.

pub use crate::{
    Body, Chain, Failure, Handler, Middleware, Request, RequestExt as _, Response, Result, Server,
    from_fn, from_fn_with, handler_fn,
};
