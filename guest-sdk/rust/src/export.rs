//! The two functions that a component exports, over a declared agent.
//!
//! Invariant: a panic ends the turn as a trap, with its message in the agent's log first.

/// Makes an [`Agent`](crate::Agent) the component that this crate compiles to.
///
/// Takes a function without parameters that returns the agent. Natively it makes nothing, so the same
/// crate runs its unit tests.
///
/// ```
/// # use warren_agent::Agent;
/// fn agent() -> Agent {
///     Agent::tool("greeter").describe("Greets people.")
/// }
/// warren_agent::export!(agent);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($agent:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl $crate::wasm::bindings::Guest for Component {
                fn describe() -> ::std::string::String {
                    $crate::Agent::manifest(&$agent())
                }

                fn handle(
                    event: $crate::wasm::bindings::Event,
                ) -> ::core::result::Result<(), $crate::wasm::bindings::Failure> {
                    $crate::wasm::handle($agent, event)
                }
            }

            $crate::wasm::bindings::export_component!(Component with_types_in $crate::wasm::bindings);
        };
        // Natively the declaration is the tests' alone; it must not look unused to the others.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Agent = $agent;
    };
}
