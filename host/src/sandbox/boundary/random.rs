//! `random`: randomness from the operating system.

use wasmtime::component::HasData;

use crate::error::Error;
use crate::sandbox::bindings::warren::agent::{random, types};
use crate::sandbox::state::Desk;

use super::Fault;

/// What the function of `random` touches: the count of calls, and how much one may ask for.
pub(in crate::sandbox) struct RandomView<'a> {
    pub(in crate::sandbox) desk: &'a mut Desk,
    pub(in crate::sandbox) bytes_max: u64,
}

impl HasData for RandomView<'static> {
    type Data<'a> = RandomView<'a>;
}

impl types::Host for RandomView<'_> {
    fn convert_error(&mut self, fault: Fault) -> wasmtime::Result<types::Error> {
        fault.lower()
    }
}

impl random::Host for RandomView<'_> {
    async fn bytes(&mut self, len: u32) -> Result<Vec<u8>, Fault> {
        // What comes out costs the host as what goes in does; what is refused costs nothing more.
        let granted = u64::from(len).min(self.bytes_max);
        self.desk.enter_or_none(granted as usize)?;
        if u64::from(len) > self.bytes_max {
            return Err(Fault::from(Error::TooLarge {
                limit: "sandbox.random_bytes_max",
                unit: "bytes",
                max: self.bytes_max,
                got: u64::from(len),
            }));
        }
        let mut bytes = vec![0; len as usize];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::internal("reading the machine's randomness", e))?;
        Ok(bytes)
    }
}
