//! WASI as far as it is linked: clocks, randomness, standard streams, a filesystem with nothing in it, and HTTP to
//! hosts that an agent was granted.
//!
//! Invariant: no sockets, no preopened directory, no environment, no arguments. What is not listed in
//! [`link`] does not link, so that a component that needs it is refused at upload. Every call passes
//! through [`GuestState::wasi`] once, which counts it like a call of the contract's own functions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx, WasiRandomView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

use crate::clock::{Clock, SystemClock};

use super::SandboxLimits;
use super::http::{self, Http, Outgoing};
use super::state::GuestState;

mod stdio;

pub(super) use stdio::Stdio;

/// What guests see of time: finer clocks tell one tenant about another's cache.
const CLOCK_RESOLUTION: Duration = Duration::from_millis(1);

/// One guest's WASI.
pub(super) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http: Http,
}

impl Wasi {
    pub(super) fn new(
        clock: Option<Arc<dyn Clock>>,
        stdio: &Stdio,
        outgoing: Outgoing,
        limits: &SandboxLimits,
    ) -> Self {
        let (out, err) = stdio.streams();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources_max);
        let ctx = WasiCtxBuilder::new()
            .stdout(out)
            .stderr(err)
            .wall_clock(CoarseWall(clock.unwrap_or_else(|| Arc::new(SystemClock))))
            .monotonic_clock(CoarseMonotonic(Instant::now()))
            .max_random_size(limits.random_bytes_max)
            .build();
        let http = Http::new(outgoing, limits.field_bytes_max);
        Self { ctx, table, http }
    }

    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.table)
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Wasi { ctx, table, .. } = self.wasi();
        WasiCtxView { ctx, table }
    }
}

/// The host's wall clock, which counts whole milliseconds.
struct CoarseWall(Arc<dyn Clock>);

impl HostWallClock for CoarseWall {
    fn resolution(&self) -> Duration {
        CLOCK_RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().0).unwrap_or(0))
    }
}

/// Whole milliseconds since the guest first asked, from 1 on: Go's runtime takes a clock at 0 for a broken one.
struct CoarseMonotonic(Instant);

impl HostMonotonicClock for CoarseMonotonic {
    fn resolution(&self) -> u64 {
        CLOCK_RESOLUTION.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        let ms = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        ms.saturating_add(1).saturating_mul(self.resolution())
    }
}

/// Names the table of streams and pollables to the linker.
struct OfIo;

impl HasData for OfIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// Link what there is of WASI.
///
/// # Errors
/// If two of these define the same function.
pub(super) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    type State = GuestState;
    let table: fn(&mut State) -> &mut ResourceTable = |state| &mut state.wasi().table;
    io::error::add_to_linker::<State, OfIo>(linker, table)?;
    io::poll::add_to_linker::<State, OfIo>(linker, table)?;
    io::streams::add_to_linker::<State, OfIo>(linker, table)?;

    clocks::wall_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;

    let dice: fn(&mut State) -> &mut WasiRandomCtx = |state| WasiRandomView::random(state);
    random::random::add_to_linker::<State, WasiRandom>(linker, dice)?;
    random::insecure::add_to_linker::<State, WasiRandom>(linker, dice)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(linker, dice)?;

    filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;

    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;

    http::link(linker)
}
