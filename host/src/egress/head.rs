//! The head of a request: read once, refused if it could mean two things, and written anew.
//!
//! Invariant: what is checked is what is sent. The origin is read from the address by one parser; path and headers of the
//! guest are taken over one by one, and what says where the request goes, how long it is and what becomes of the
//! connection is the host's.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::registry::{HostName, HttpScheme, Origin, split_port};

use super::fault::{Fault, FaultKind};
use super::settings::EgressSettings;

/// What requests say they are from, unless the guest says something else: some servers answer nobody without.
const AGENT: &str = concat!("warren/", env!("CARGO_PKG_VERSION"));
/// Makes requests that a turn repeats, because it ran again, known as the same.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Headers that have no constant.
const MORE_FORBIDDEN: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

/// Whether a header is the host's to set: it says where a request goes or what becomes of the connection.
pub fn is_forbidden(name: &HeaderName) -> bool {
    [
        CONNECTION,
        EXPECT,
        HOST,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
        || MORE_FORBIDDEN.contains(&name.as_str())
}

/// The address of a request as it stands there, for the record of one whose address means nothing.
pub(super) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // What stands before an `@` may be a password.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{authority}")
}

/// Where a request goes.
///
/// # Errors
/// For an address that could be read in two ways.
pub(super) fn origin(uri: &Uri) -> Result<Origin, Fault> {
    let wrong = |why: &str| Fault::new(FaultKind::Uri, format!("its address is refused: {why}"));
    let scheme = match uri.scheme_str() {
        Some("https") => HttpScheme::Https,
        Some("http") => HttpScheme::Http,
        _ => return Err(wrong("only https and http are sent")),
    };
    let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("it has a user before its host"));
    }
    let (host, port) =
        split_port(authority.as_str()).ok_or_else(|| wrong("its port is no port"))?;
    Ok(Origin {
        scheme,
        host: HostName::parse(host).map_err(|error| wrong(&error.to_string()))?,
        port: port.unwrap_or(scheme.port()),
    })
}

/// The head as it is sent, and its size in bytes.
///
/// # Errors
/// For a method, a path or a header that is not sent, or a head that is too large.
pub(super) fn write(
    parts: &Parts,
    origin: &Origin,
    idempotency_key: &str,
    limits: &EgressSettings,
) -> Result<(http::Request<()>, u64), Fault> {
    if [Method::CONNECT, Method::TRACE].contains(&parts.method) {
        let why = format!("the method {} is not sent", parts.method);
        return Err(Fault::new(FaultKind::Method, why));
    }
    let path = path(&parts.uri)?;
    let mut headers = headers(&parts.headers, limits)?;
    headers.insert(HOST, value(&origin.authority())?);
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(AGENT));
    if !parts.method.is_safe() {
        headers
            .entry(IDEMPOTENCY_KEY)
            .or_insert(value(idempotency_key)?);
    }
    let size = size(&headers) + parts.method.as_str().len() as u64 + path.as_str().len() as u64;
    check_size(size, limits)?;
    let mut request = http::Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers;
    Ok((request, size))
}

/// Check the bytes of a head.
///
/// # Errors
/// `RequestHead` if they are too many.
pub(super) fn check_size(bytes: u64, limits: &EgressSettings) -> Result<(), Fault> {
    let max = limits.request_head_bytes_max;
    if bytes <= u64::from(max) {
        return Ok(());
    }
    Err(Fault::limit(
        FaultKind::RequestHead(max),
        "request_head_bytes_max",
        u64::from(max),
        "bytes",
    ))
}

/// Bytes of headers as they are sent.
pub(super) fn size(headers: &HeaderMap) -> u64 {
    let one = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    headers.iter().map(one).sum::<usize>() as u64
}

/// The path and query: from the root, and nothing that a server could read as another host or as another line.
fn path(uri: &Uri) -> Result<http::uri::PathAndQuery, Fault> {
    let wrong = |why: &str| Fault::new(FaultKind::Uri, format!("its path is refused: {why}"));
    let given = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = match given {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    if !path.starts_with('/') {
        return Err(wrong("it begins with `/`"));
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(
            "it is visible ASCII without spaces, the rest as `%20`",
        ));
    }
    path.parse().map_err(|_| wrong("it is none"))
}

fn headers(given: &HeaderMap, limits: &EgressSettings) -> Result<HeaderMap, Fault> {
    let max = limits.headers_max;
    if given.len() > max as usize {
        return Err(Fault::limit(
            FaultKind::Protocol,
            "headers_max",
            u64::from(max),
            "headers",
        ));
    }
    if let Some(name) = given.keys().find(|name| is_forbidden(name)) {
        let why = format!("the header `{name}` is the host's to set");
        return Err(Fault::new(FaultKind::Protocol, why));
    }
    let mut lengths = given.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let plain = length.as_bytes().iter().all(u8::is_ascii_digit) && !length.is_empty();
        let length = length
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        let length = length.filter(|_| plain && lengths.next().is_none());
        let why = "its `content-length` is not one number";
        let length = length.ok_or_else(|| Fault::new(FaultKind::Protocol, why))?;
        let max = limits.request_body_bytes_max;
        if length > max {
            return Err(Fault::limit(
                FaultKind::RequestBody(max),
                "request_body_bytes_max",
                max,
                "bytes",
            ));
        }
    }
    Ok(given.clone())
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| {
        Fault::new(
            FaultKind::Internal,
            "a header of the host's cannot be written",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn written(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<String, FaultKind> {
        let parts = parts(method, uri, headers);
        let kind = |fault: Fault| fault.kind;
        let origin = origin(&parts.uri).map_err(kind)?;
        let limits = EgressSettings::default();
        let (request, _) = write(&parts, &origin, "key", &limits).map_err(kind)?;
        let mut lines = vec![format!("{} {}", request.method(), request.uri())];
        let headers = request.headers().iter();
        lines.extend(headers.map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())));
        lines.sort_by_key(|line| line.starts_with(char::is_lowercase));
        Ok(lines.join("|"))
    }

    #[test]
    fn heads_are_written_anew() {
        let agent = format!("user-agent: {AGENT}");
        for (method, uri, headers, expect) in [
            (
                "GET",
                "https://a.test/x?y=1",
                &[][..],
                format!("GET /x?y=1|host: a.test|{agent}"),
            ),
            (
                "GET",
                "https://A.test:443",
                &[],
                format!("GET /|host: a.test|{agent}"),
            ),
            (
                "GET",
                "http://a.test:8080//b.test/",
                &[("user-agent", "me")],
                "GET //b.test/|user-agent: me|host: a.test:8080".to_owned(),
            ),
            (
                "POST",
                "https://a.test/",
                &[("content-length", "2")],
                format!("POST /|content-length: 2|host: a.test|{agent}|idempotency-key: key"),
            ),
            (
                "POST",
                "https://a.test/",
                &[("idempotency-key", "mine")],
                format!("POST /|idempotency-key: mine|host: a.test|{agent}"),
            ),
        ] {
            assert_eq!(written(method, uri, headers), Ok(expect), "{method} {uri}");
        }
    }

    /// A89: addresses and heads that mean one thing to whoever checks and another to whoever dials or answers.
    #[test]
    fn what_could_mean_two_things_is_refused() {
        for uri in "ftp://a.test/ https://user@a.test/ https://a.test@b.test/ https://a.test:0/ https://a.test:/ \
            https://a.test./ https://2130706433/ https://0x7f.1/ https://127.1/ https://0177.0.0.1/ /only/a/path"
            .split_whitespace()
        {
            assert_eq!(written("GET", uri, &[]), Err(FaultKind::Uri), "{uri}");
        }
        for method in ["CONNECT", "TRACE"] {
            let got = written(method, "https://a.test/", &[]);
            assert_eq!(got, Err(FaultKind::Method), "{method}");
        }
        for header in [
            ("host", "b.test"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("upgrade", "websocket"),
            ("http2-settings", "x"),
            ("content-length", "+1"),
            ("content-length", "1, 2"),
        ] {
            let got = written("POST", "https://a.test/", &[header]);
            assert_eq!(got, Err(FaultKind::Protocol), "{header:?}");
        }
        let long = "a".repeat(32 << 10);
        let got = written("GET", "https://a.test/", &[("x", &long)]);
        assert_eq!(got, Err(FaultKind::RequestHead(32 << 10)));
        let twice = [("content-length", "1"), ("content-length", "1")];
        let got = written("POST", "https://a.test/", &twice);
        assert_eq!(got, Err(FaultKind::Protocol));
    }

    #[test]
    fn heads_hold_at_their_limits_and_one_past() {
        let limits = EgressSettings {
            headers_max: 2,
            request_body_bytes_max: 100,
            ..EgressSettings::default()
        };
        let write = |headers: &[(&str, &str)], limits: &EgressSettings| {
            let parts = parts("POST", "https://a.test/", headers);
            let origin = origin(&parts.uri).unwrap();
            write(&parts, &origin, "key", limits).map(|(_, size)| size)
        };
        let kind = |got: Result<u64, Fault>| got.map(|_| ()).map_err(|fault| fault.kind);
        for (headers, expect) in [
            (&[("a", "1"), ("b", "2")][..], Ok(())),
            (
                &[("a", "1"), ("b", "2"), ("c", "3")],
                Err(FaultKind::Protocol),
            ),
            (&[("content-length", "100")], Ok(())),
            (
                &[("content-length", "101")],
                Err(FaultKind::RequestBody(100)),
            ),
        ] {
            assert_eq!(kind(write(headers, &limits)), expect, "{headers:?}");
        }
        let size = write(&[("a", "1")], &limits).unwrap() as u32;
        let of = |request_head_bytes_max| EgressSettings {
            request_head_bytes_max,
            ..limits.clone()
        };
        assert_eq!(kind(write(&[("a", "1")], &of(size))), Ok(()));
        let past = kind(write(&[("a", "1")], &of(size - 1)));
        assert_eq!(past, Err(FaultKind::RequestHead(size - 1)));
    }
}
