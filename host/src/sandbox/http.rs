//! `wasi:http/outgoing-handler`: a guest's requests, handed to the host's client.
//!
//! Invariant: linked for everybody, as everything is; who may ask whom is decided at each request, by the grants of the
//! agent that the sandbox was made for. Without a pass, while an agent describes itself, nothing is sent. Tasks that move
//! bytes are the library's and end with the store.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks, WasiHttpView,
};

use crate::egress::{self, Egress, Fault, FaultKind, Pass, Waits};

use super::state::GuestState;

/// Bytes of one write to a request's body that are taken at once: what a stream of bytes passes usually.
const CHUNK_BYTES: usize = 64 << 10;

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
            let (response, driver) = sent.await.map_err(lower)?;
            let response = response.map(|body| body.map_err(lower).boxed_unsync());
            let io: Io = Box::new(async move {
                driver.await;
                Ok(())
            });
            Ok((response, io))
        })
    }
}

/// What the guest is told. The words are in the log of its turn.
fn lower(fault: Fault) -> Error {
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
