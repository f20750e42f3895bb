//! Every limit on the shape of an upload, in one table: name, unit, default and the reason for it.
//!
//! Invariant: no other file of `intake` holds a number that bounds an upload's shape. All of them are
//! for the whole upload, summed over its inner modules and components, unless the text says otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where in an upload something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere in particular: a sum.
    Upload,
    /// The core module of this number, in the order they come.
    Module(u64),
    /// A function of a core module by its index, imports counted as names of stack traces do.
    Function {
        /// The module's number.
        module: u64,
        /// The function's index.
        index: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload => Ok(()),
            Self::Module(module) => write!(f, " in core module {module}"),
            Self::Function { module, index } => {
                write!(f, " in function {index} of core module {module}")
            }
        }
    }
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident, $unit:literal, $default:expr;)*) => {
        /// What an upload may be made of.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct IntakeLimits {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Default for IntakeLimits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl IntakeLimits {
            /// Each limit's name, unit and value.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), $unit, self.$name),)*]
            }
        }

        /// What an upload was found to be made of, against the limits.
        #[derive(Debug)]
        pub(super) struct Meter<'a> {
            limits: &'a IntakeLimits,
            /// The sum or the largest value seen, by the name of its limit.
            pub(super) seen: IntakeLimits,
        }

        impl<'a> Meter<'a> {
            pub(super) fn new(limits: &'a IntakeLimits) -> Self {
                Self { limits, seen: IntakeLimits { $($name: 0,)* } }
            }

            $(
                /// Note the value `got`; an error if it passes the limit.
                pub(super) fn $name(&mut self, got: u64, place: Place) -> Result<(), Error> {
                    self.seen.$name = self.seen.$name.max(got);
                    if got <= self.limits.$name {
                        return Ok(());
                    }
                    Err(passed(stringify!($name), $unit, self.limits.$name, got, place))
                }
            )*
        }
    };
}

fn passed(name: &str, unit: &str, max: u64, got: u64, place: Place) -> Error {
    Error::invalid(
        "component",
        format!("the limit `intake.limits.{name}` is {max} {unit}, got {got}{place}"),
    )
}

limits! {
    /// Size. A Python component with its interpreter is 18.5 MB.
    upload_bytes_max, "bytes", 32 << 20;
    /// Core modules.
    modules_max, "modules", 64;
    /// Inner components, at any depth.
    components_max, "components", 64;
    /// How deep components nest in components.
    component_depth_max, "levels", 8;
    /// Core instances that the component makes of its modules, as many as a sandbox may hold.
    instances_max, "instances", 64;
    /// Functions with a body. A million empty ones take 39 s and 5.4 GiB to compile.
    functions_max, "functions", 40_000;
    /// Size of one function's body. Compilation is superlinear in it.
    body_bytes_max, "bytes", 512 << 10;
    /// Locals of one function, parameters not counted. A thousand functions of 50,000 locals are 8 KB
    /// and take 1.6 s.
    locals_max, "locals", 2_000;
    /// Locals of all functions.
    locals_sum_max, "locals", 500_000;
    /// Parameters and results of one function type together. A thousand types of a thousand parameters
    /// are 0.5 MB and take 5.5 s, as each needs a trampoline.
    params_results_max, "values", 32;
    /// Core types.
    types_max, "types", 4_000;
    /// Blocks within blocks in one function.
    nesting_max, "levels", 1_024;
    /// Loops of one function. 20,000 empty ones are 60 KB and take 9 s: the time grows with the square.
    loops_max, "loops", 1_000;
    /// Values that the `br_table`s of one function carry, over all their targets. 8.9 KB of them took
    /// 17 s and 5.8 GiB.
    branch_values_max, "values", 65_536;
    /// Data segments that code copies from. 40,000 of them once made the compiler panic.
    data_segments_max, "segments", 12_000;
    /// Data segments that are memory's initial contents. Go's linker makes one of each run of bytes between
    /// zeros: 44,000 in its smallest agent.
    initial_segments_max, "segments", 100_000;
    /// Bytes of data. An interpreter carries its library there.
    data_bytes_max, "bytes", 24 << 20;
    /// Element segments.
    element_segments_max, "segments", 1_000;
    /// Items of all element segments.
    elements_max, "items", 100_000;
    /// Tables, as many as a sandbox may hold.
    tables_max, "tables", 16;
    /// Elements that the tables start with together, as many as a sandbox may hold.
    table_elements_max, "elements", 20_000;
    /// Memories.
    memories_max, "memories", 4;
    /// Bytes that the memories start with together, as many as a sandbox may hold.
    memory_bytes_max, "bytes", 64 << 20;
    /// Globals.
    globals_max, "globals", 20_000;
    /// Imports of core modules.
    imports_max, "imports", 20_000;
    /// Exports of core modules.
    exports_max, "exports", 40_000;
    /// Parts of component-level types: definitions, fields, cases, parameters. 100,000 is ten times the
    /// whole of WASI.
    type_parts_max, "parts", 100_000;
    /// How deep component-level types nest, counted by the two bytes that open a level: the reader
    /// descends once a level, and an upload must not choose how deep. 100 is where the validator stops.
    type_depth_max, "levels", 100;
    /// Aliases and canonical functions of components. Each of the latter needs a trampoline.
    component_items_max, "items", 20_000;
    /// Bytes of custom sections: names and debug information, which nothing reads but the parser.
    custom_bytes_max, "bytes", 16 << 20;
}
