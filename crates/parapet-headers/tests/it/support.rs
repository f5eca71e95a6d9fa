use http::HeaderMap;
use parapet_core::{Body, Middleware, Request, Response, handler_fn};

pub(crate) type Lines = &'static [(&'static str, &'static str)];

pub(crate) fn map(lines: Lines) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, value.parse().unwrap());
    }
    map
}

/// Lines of a map, one text a line.
pub(crate) fn shown(map: &HeaderMap) -> Vec<String> {
    map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

/// What next gets of a request with these fields.
pub(crate) async fn through_request(layer: impl Middleware, fields: Lines) -> Vec<String> {
    let echo = handler_fn(|request: Request| async move { shown(request.headers()).join("\n") });
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = map(fields);
    let body = layer.wrap(echo).serve(request).await.into_body().collect(1 << 16).await.unwrap();
    let text = String::from_utf8(body.data().to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What comes out of a response with this status and these fields.
pub(crate) async fn through_response(
    layer: impl Middleware,
    status: u16,
    fields: Lines,
) -> Response {
    let origin = handler_fn(move |_| async move {
        let mut response = Response::new(Body::full("hello"));
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = map(fields);
        response
    });
    layer.wrap(origin).serve(Request::new(Body::empty())).await
}
