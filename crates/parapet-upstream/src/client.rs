mod builder;
mod hosts;

use std::fmt;
use std::sync::Arc;

use http::header::USER_AGENT;
use http::{HeaderValue, Method};
use parapet_core::{
    Body, Handler, Request, RequestExt, RequestHead, Response, ResponseFuture, Serve, recycle,
};

pub use self::builder::ClientBuilder;
pub(crate) use self::hosts::BadRequest;
use self::hosts::Hosts;
use crate::failure::{self, Refusal};
use crate::observe::{Hook, Observed};
use crate::{Attempt, Error, Picked, PoolStats, Target};
use crate::{request_fields, response_fields};

/// An HTTP client with all defaults, as a handler: see [`Client`]. Each call makes one with connections of its own, so
/// keep it.
pub fn client() -> Handler {
    Client::new().into()
}

/// An HTTP client over the transports and connections that a proxy has: for what a proxy itself has to ask (key sets,
/// authorization, object stores), and for programs around one.
///
/// A request has an absolute `http` or `https` URI, which says where it goes; the answer comes back whatever its status.
/// Beside `Host` and what frames the message only the caller's own fields are sent. TLS is verified, and there is no
/// switch against it; HTTP/2 is spoken over TLS where the other side has it. No redirect is followed, no cookie kept, no
/// proxy variable of the environment read, nothing upgraded, and nothing sent twice, but for a request that met a
/// connection which had just been closed (RFC 9110 §9.2.2). A [`Deadline`](parapet_core::Deadline) of the request holds.
///
/// Cheap to clone; clones share their connections. Works on any tokio runtime. Dropping the future of a request gives it
/// up: its connection is closed, or its stream reset.
///
/// ```
/// use http::StatusCode;
/// use parapet_core::{Body, ResponseError};
/// use parapet_upstream::Client;
///
/// let client = Client::builder().max_hosts(8).build()?;
/// # let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # rt.block_on(async {
/// # let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
/// // Nobody listens there.
/// let request = http::Request::get(format!("http://127.0.0.1:{port}/keys")).body(Body::empty())?;
/// let response = parapet_core::Handler::from(client).serve(request).await;
/// assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
/// let error = response.extensions().get::<ResponseError>().ok_or("an answer of an origin")?;
/// assert_eq!((error.source(), error.kind()), ("upstream", "connect_refused"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    user_agent: Option<HeaderValue>,
    hook: Option<Hook>,
}

impl Client {
    /// A client with all defaults.
    pub fn new() -> Self {
        ClientBuilder::new().assemble()
    }

    /// A client with settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Other`] for what is not sent at all: a URI that is not absolute, of another scheme or with
    /// user info, and CONNECT.
    pub async fn round_trip(&self, mut request: Request) -> Result<Response, Error> {
        let target = self.prepare(&mut request).map_err(Error::other)?;
        let (head, mut body) = request.into_parts();
        self.exchange(target, &head, &mut body).await
    }

    /// The connections to each host as they are now.
    pub fn stats(&self) -> Vec<PoolStats> {
        self.0.hosts.stats()
    }

    /// Makes a request the message that is sent; its target tells the connections it goes over.
    fn prepare(&self, request: &mut Request) -> Result<Arc<Target>, Refusal> {
        if *request.method() == Method::CONNECT {
            return Err(BadRequest::Connect.into());
        }
        let host = hosts::authority(request.uri())?;
        request_fields::host(request, Some(&host))?;
        request_fields::rewrite(request, None, None)?;
        if let Some(value) = &self.0.user_agent
            && !request.headers().contains_key(USER_AGENT)
        {
            request_fields::set(request.headers_mut(), USER_AGENT, value.clone())?;
        }
        Ok(self.0.hosts.target(request.uri())?)
    }

    async fn exchange(
        &self,
        target: Arc<Target>,
        head: &RequestHead,
        body: &mut Body,
    ) -> Result<Response, Error> {
        let at = Attempt::new().with_deadline(head.deadline());
        let observed = Observed::start(head, &at, self.0.hook.as_ref(), None);
        let result = Picked::new(target).send(head, body, &at).await;
        observed.finish(&result);
        result.map(|mut response| {
            response_fields::rewrite(&mut response, None);
            response
        })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers failures as a proxy does: 502, 503, 504, or 400 for what is not sent, with a
/// [`ResponseError`](parapet_core::ResponseError) that tells them from an answer of the origin.
impl Serve for Client {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        match self.prepare(&mut request) {
            Ok(target) => {
                let client = self.clone();
                let (head, mut body) = request.into_parts();
                ResponseFuture::new(async move {
                    let result = client.exchange(target, &head, &mut body).await;
                    recycle::give_map(head.headers);
                    recycle::give_extensions(head.extensions);
                    result.unwrap_or_else(|error| failure::response(&error))
                })
            }
            Err(refusal) => refusal.response().into(),
        }
    }
}

impl From<Client> for Handler {
    fn from(client: Client) -> Self {
        Self::new(client)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("hosts", &self.0.hosts)
            .field("user_agent", &self.0.user_agent)
            .finish_non_exhaustive()
    }
}
