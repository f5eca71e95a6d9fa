use http::{HeaderValue, Method};
use parapet_core::{Body, Handler, Middleware, Request, Response, handler_fn};

pub(crate) type Lines<'a> = &'a [(&'static str, &'a str)];

pub(crate) fn request(method: Method, fields: Lines<'_>) -> Request {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

/// Answers `next` with these fields.
pub(crate) fn next(fields: Lines<'static>) -> Handler {
    handler_fn(move |_| async move {
        let mut response = Response::new("next".into());
        for (name, value) in fields {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        response
    })
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `next` if next was asked.
    pub(crate) body: String,
    /// `access-control-` fields without that, and `vary`: `name: value`, sorted.
    pub(crate) fields: Vec<String>,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let mut fields: Vec<_> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str();
                let short = name.strip_prefix("access-control-");
                let short = short.or_else(|| (name == "vary").then_some(name))?;
                Some(format!("{short}: {}", value.to_str().unwrap()))
            })
            .collect();
        fields.sort();
        let status = response.status().as_u16();
        let body = response.into_body().collect(100).await.unwrap();
        Self { status, body: String::from_utf8(body.data().to_vec()).unwrap(), fields }
    }

    pub(crate) fn next(fields: &[&str]) -> Self {
        Self::new(200, "next", fields)
    }

    pub(crate) fn preflight(fields: &[&str]) -> Self {
        Self::new(200, "", fields)
    }

    pub(crate) fn refused() -> Self {
        Self::new(403, "Forbidden\n", &["vary: Origin"])
    }

    fn new(status: u16, body: &str, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { status, body: body.to_owned(), fields }
    }
}

/// The answer of `layer`, around a next without fields, to a request.
pub(crate) async fn ask(layer: &impl Middleware, method: Method, fields: Lines<'_>) -> Answer {
    Answer::of(layer.wrap(next(&[])).serve(request(method, fields)).await).await
}
