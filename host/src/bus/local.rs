//! The bus of a single host: a call in the same process.
