//! Reading paths, queries and bodies, each with our own problem when it cannot be read.
//!
//! Invariant: no body is read without a limit, and it is counted while it arrives, whatever
//! `Content-Length` says.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::{Error, bounded};

use super::Shared;
use super::error::{ApiError, ApiResult, Code};

/// The variable parts of a path.
pub(crate) struct UrlPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for UrlPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        axum::extract::Path::from_request_parts(parts, api)
            .await
            .map(|path| Self(path.0))
            .map_err(|e: PathRejection| {
                let text = e.body_text();
                // The words of our own types follow it, and say which part is wrong.
                let words = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
                ApiError::new(Code::Invalid, words)
            })
    }
}

/// The parameters of a query. Unknown ones are refused, so that a misspelt filter does not pass as none.
pub(crate) struct UrlQuery<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for UrlQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        axum::extract::Query::from_request_parts(parts, api)
            .await
            .map(|query| Self(query.0))
            .map_err(|e: QueryRejection| ApiError::new(Code::Invalid, of_query(&e.body_text())))
    }
}

/// What is wrong with a query, in our words instead of the library's.
fn of_query(said: &str) -> String {
    const IN_FRONT: &str = "Failed to deserialize query string: ";
    let words = said.strip_prefix(IN_FRONT).unwrap_or(said);
    // Parameters that several routes share are listed by nobody but the document.
    let unlisted = words.contains("unknown field") && !words.contains("expected");
    let next = if unlisted {
        "; /v1/openapi.json lists what there is"
    } else {
        ""
    };
    format!("query: {words}{next}")
}

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequest<Shared> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Shared) -> ApiResult<Self> {
        let media = media_type(request.headers());
        if !matches!(media.as_deref(), None | Some("application/json")) {
            return Err(unsupported(media.as_deref(), "application/json"));
        }
        let body = read_json_body(request, api).await?;
        parse_json(&body).map(Self)
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default + Send> FromRequest<Shared> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Shared) -> ApiResult<Self> {
        let body = read_json_body(request, api).await?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        parse_json(&body).map(Self)
    }
}

/// The bytes of a body that is JSON in some media type.
pub(crate) async fn read_json_body(request: Request, api: &Shared) -> ApiResult<Bytes> {
    read_body(
        request,
        "json_body_bytes_max",
        api.app.limits.json_body_bytes_max,
    )
    .await
}

/// All of a body, as long as it is at most `max` bytes.
pub(crate) async fn read_body(
    request: Request,
    limit: &'static str,
    max: usize,
) -> ApiResult<Bytes> {
    let too_large = |got: u64| Error::TooLarge {
        limit,
        unit: "bytes",
        max: max as u64,
        got,
    };
    if let Some(announced) = content_length(request.headers()).filter(|n| *n > max as u64) {
        return Err(too_large(announced).into());
    }
    match Limited::new(request.into_body(), max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(too_large(max as u64 + 1).into()),
        Err(e) => Err(ApiError::new(
            Code::Malformed,
            format!("the body ended early: {e}"),
        )),
    }
}

/// Read a value from JSON text: 400 if it is not JSON, 422 if it is not what is wanted.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|e| {
        // It repeats names of members that it does not know, which may be as long as the body.
        let (code, words) = match e.classify() {
            Category::Data => (Code::Invalid, format!("body: {e}")),
            Category::Io | Category::Syntax | Category::Eof => {
                (Code::Malformed, format!("the body is not JSON: {e}"))
            }
        };
        ApiError::new(code, bounded(words))
    })
}

/// The media type of a body in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media = value.split_once(';').map_or(value, |(media, _)| media);
    Some(media.trim().to_ascii_lowercase())
}

/// The problem of a body in the wrong media type.
pub(crate) fn unsupported(got: Option<&str>, wanted: &str) -> ApiError {
    let got = got.unwrap_or("no content type").escape_default();
    ApiError::new(
        Code::UnsupportedMediaType,
        format!("got `{got}`, this takes {wanted}"),
    )
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only how it is refused counts")]
        kind: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is refused counts")]
    struct Flat {
        limit: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is refused counts")]
    struct Nested {
        #[serde(flatten)]
        inner: Inner,
        limit: Option<u32>,
    }

    #[test]
    fn a_query_is_refused_in_words_that_say_what_there_is() {
        fn check<T: DeserializeOwned + std::fmt::Debug>(query: &str, words: &[&str]) {
            let uri: Uri = format!("/v1/x?{query}").parse().unwrap();
            let refused = Query::<T>::try_from_uri(&uri).unwrap_err();
            let got = of_query(&refused.body_text());
            assert!(!got.contains("deserialize"), "{got}");
            for word in words {
                assert!(got.contains(word), "{got} should say {word}");
            }
        }
        check::<Flat>("limit=x", &["query: ", "limit", "invalid digit"]);
        check::<Flat>("foo=1", &["`foo`", "expected `limit`"]);
        check::<Nested>("foo=1", &["`foo`", "/v1/openapi.json"]);
    }
}
