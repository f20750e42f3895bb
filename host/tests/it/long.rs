//! How much of a test is run: the ordinary form fits into everybody's test run, the long one is for who has
//! the time. `WARREN_LONG=1 cargo xtask test --profile long` runs every test in its long form.

/// Whether the long forms were asked for.
pub(crate) fn is_asked() -> bool {
    std::env::var_os("WARREN_LONG").is_some()
}

/// The ordinary number, or the long form's.
pub(crate) fn pick<T>(ordinary: T, long: T) -> T {
    if is_asked() { long } else { ordinary }
}
