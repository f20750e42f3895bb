//! `wasi:http/outgoing-handler`: a guest's requests, handed to the host's client.
//!
//! Invariant: linked for everybody, as everything is; who may ask whom is decided at each request, by the grants of the
//! agent that the sandbox was made for. Without a pass, while an agent describes itself, nothing is sent. Tasks that move
//! bytes are the library's and end with the store.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostOutgoingRequest as _, IoError, Method,
};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks, WasiHttpView,
};

use crate::egress::{self, Egress, Fault, FaultKind, Pass, Waits};

use super::state::GuestState;

/// Bytes of one write to a request's body that are taken at once. A body that nobody sends keeps two of them, and a guest
/// may make as many as it may have resources.
const CHUNK_BYTES: usize = 4 << 10;
/// Bytes of a method. The longest registered one has 17.
const METHOD_BYTES_MAX: usize = 32;
/// Bytes of an authority: the longest host, and its port.
const AUTHORITY_BYTES_MAX: usize = 280;
/// Bytes of a path with its query: what servers take.
const PATH_BYTES_MAX: usize = 8 << 10;
/// The interface of which the library keeps texts.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Link the types and the handler. What the library keeps of a request's texts without a bound gets one: a guest may have
/// as many requests as resources, and their texts are in the host's memory, not in its own.
///
/// # Errors
/// If something else defines the same function.
pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    type State<'a> = StoreContextMut<'a, GuestState>;
    type Outgoing = Resource<HostOutgoingRequest>;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut state: State<'_>, (request, method): (Outgoing, Method)| {
            let long = matches!(&method, Method::Other(text) if text.len() > METHOD_BYTES_MAX);
            let set = (!long).then(|| state.data_mut().http().set_method(request, method));
            Ok((set.unwrap_or(Ok(Err(())))?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut state: State<'_>, (request, text): (Outgoing, Option<String>)| {
            let set = fits(text, AUTHORITY_BYTES_MAX);
            let set = set.map(|text| state.data_mut().http().set_authority(request, text));
            Ok((set.unwrap_or(Ok(Err(())))?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut state: State<'_>, (request, text): (Outgoing, Option<String>)| {
            let set = fits(text, PATH_BYTES_MAX);
            let set = set.map(|text| state.data_mut().http().set_path_with_query(request, text));
            Ok((set.unwrap_or(Ok(Err(())))?,))
        },
    )?;
    // The library looks for the error of an answer's body by another type than that in which it keeps it.
    types.func_wrap(
        "http-error-code",
        |mut state: State<'_>, (error,): (Resource<IoError>,)| {
            let error = state.data_mut().http().table.get(&error)?;
            Ok((error.downcast_ref::<Error>().and_then(of_body),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What ends an answer's body, of what [`lower`] makes.
fn of_body(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::ConnectionReadTimeout => Some(ErrorCode::ConnectionReadTimeout),
        Error::HttpResponseTimeout => Some(ErrorCode::HttpResponseTimeout),
        Error::HttpResponseBodySize(max) => Some(ErrorCode::HttpResponseBodySize(*max)),
        Error::HttpResponseIncomplete => Some(ErrorCode::HttpResponseIncomplete),
        Error::HttpRequestDenied => Some(ErrorCode::HttpRequestDenied),
        _ => None,
    }
}

/// A text that is no longer than that, or none at all.
#[expect(
    clippy::option_option,
    reason = "the contract's own option, and whether it fits"
)]
fn fits(text: Option<String>, max: usize) -> Option<Option<String>> {
    let long = text.as_ref().is_some_and(|text| text.len() > max);
    (!long).then_some(text)
}

/// What the library asks of a host.
pub(super) struct Outgoing {
    /// The client, and who asks.
    way: Option<(Arc<Egress>, Pass)>,
}

impl Outgoing {
    /// For whoever this pass is for; with none, or without a client, nothing is sent.
    pub(super) fn new(egress: Option<Arc<Egress>>, pass: Option<Pass>) -> Self {
        Self {
            way: egress.zip(pass),
        }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.wasi().http()
    }
}

/// What one guest's requests are made of.
pub(super) struct Http {
    ctx: WasiHttpCtx,
    outgoing: Outgoing,
}

impl Http {
    pub(super) fn new(outgoing: Outgoing, field_bytes_max: usize) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(field_bytes_max);
        Self { ctx, outgoing }
    }

    pub(super) fn view<'a>(
        &'a mut self,
        table: &'a mut wasmtime::component::ResourceTable,
    ) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            ctx: &mut self.ctx,
            table,
            hooks: &mut self.outgoing,
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(egress::is_forbidden)
    }

    /// The client writes it from what it has judged.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _answered: Io,
    ) -> Sent {
        let Some((egress, pass)) = &self.way else {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        let options = options.unwrap_or_default();
        let waits = Waits {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        let sent = egress.send(pass, request, waits);
        Box::new(async move {
            let (response, driver) = sent.await.map_err(|fault| lower(&fault))?;
            let response = response.map(|body| body.map_err(|fault| lower(&fault)).boxed_unsync());
            let io: Io = Box::new(async move {
                driver.await;
                Ok(())
            });
            Ok((response, io))
        })
    }
}

/// What the guest is told. The words are in the log of its turn.
fn lower(fault: &Fault) -> Error {
    match fault.kind {
        FaultKind::Denied => Error::HttpRequestDenied,
        FaultKind::Uri => Error::HttpRequestUriInvalid,
        FaultKind::Method => Error::HttpRequestMethodInvalid,
        FaultKind::Protocol => Error::HttpProtocolError,
        FaultKind::RequestHead(max) => Error::HttpRequestHeaderSectionSize(Some(max)),
        FaultKind::RequestBody(max) => Error::HttpRequestBodySize(Some(max)),
        FaultKind::TooMany => Error::ConnectionLimitReached,
        FaultKind::NoHost => Error::DestinationNotFound,
        FaultKind::DnsTimeout => Error::DnsTimeout,
        FaultKind::NotPublic => Error::DestinationIpProhibited,
        FaultKind::Unreachable => Error::DestinationUnavailable,
        FaultKind::Refused => Error::ConnectionRefused,
        FaultKind::ConnectTimeout => Error::ConnectionTimeout,
        FaultKind::Broken => Error::ConnectionTerminated,
        FaultKind::Certificate => Error::TlsCertificateError,
        FaultKind::Tls => Error::TlsProtocolError,
        FaultKind::ReadTimeout => Error::ConnectionReadTimeout,
        FaultKind::Timeout => Error::HttpResponseTimeout,
        FaultKind::ResponseHead(max) => Error::HttpResponseHeaderSectionSize(Some(max)),
        FaultKind::ResponseBody(max) => Error::HttpResponseBodySize(Some(max)),
        FaultKind::Incomplete => Error::HttpResponseIncomplete,
        FaultKind::Internal => Error::InternalError(None),
    }
}
