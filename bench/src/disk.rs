//! The floor of the disk: one flush.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

/// Microseconds of a 4 KiB overwrite and its flush, each of `count`.
pub(crate) fn flushes_us(dir: &Path, count: usize) -> Result<Vec<f64>> {
    let file = File::create(dir.join("flush"))?;
    file.set_len(1 << 20)?;
    file.sync_all()?;
    let page = [7_u8; 4096];
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let begun = Instant::now();
        file.write_all_at(&page, (index % 256 * 4096) as u64)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}
