//! What a component may import: the interfaces of the contract, and of WASI what [`super::wasi`] lists.
//!
//! Invariant: everything is linked for everybody. Imports are the upper bound; what an agent may do is
//! its grants, checked at each call.

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::bindings::warren::agent as contract;
use super::boundary::{ContextView, EventsView, OfTurn, RandomView};
use super::state::GuestState;
use super::wasi;

/// The linker of every component.
///
/// # Errors
/// If two interfaces define the same function.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    type State = GuestState;
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    contract::types::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::events::add_to_linker::<State, EventsView<'static>>(l, State::events)?;
    contract::registry::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::working::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::knowledge::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::episodes::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::procedures::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::context::add_to_linker::<State, ContextView<'static>>(l, State::context)?;
    contract::log::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::clock::add_to_linker::<State, OfTurn>(l, State::turn)?;
    contract::random::add_to_linker::<State, RandomView<'static>>(l, State::random)?;
    wasi::link(l)?;
    Ok(linker)
}
