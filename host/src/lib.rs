//! Warren.
