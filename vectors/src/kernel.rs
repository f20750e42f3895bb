//! The product of two vectors, which is all that takes time here.
//!
//! Vectors are kept as bfloat16: the upper half of a `f32`. Half the memory to read, one shift to widen,
//! and a cosine is off by some 0.0001, below what any embedder means by it. The loops are plain Rust that
//! the compiler turns into vector instructions: those that every machine of the architecture has, or, where
//! the processor says that it has them, AVX2 and FMA.

/// Sums that run beside one another: four registers of eight.
const LANES: usize = 32;

/// Upper half of a `f32`, rounded to the nearest.
pub(crate) fn narrow(x: f32) -> u16 {
    let bits = x.to_bits();
    // Ties go to the even one.
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[inline]
pub(crate) fn widen(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// The product of a query and a row.
#[inline]
pub(crate) fn dot(query: &[f32], row: &[u16]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[expect(
            unsafe_code,
            reason = "the one way to call code for a processor that was asked first"
        )]
        // SAFETY: the processor has just said that it has AVX2 and FMA, all that `dot_avx2` asks for.
        return unsafe { dot_avx2(query, row) };
    }
    sum(query, row, |x, y, sum| x * y + sum)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(query: &[f32], row: &[u16]) -> f32 {
    sum(query, row, f32::mul_add)
}

/// Inlined into its callers, to be compiled for the instructions that each may use.
#[expect(clippy::inline_always, reason = "see above")]
#[inline(always)]
fn sum(query: &[f32], row: &[u16], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (rows, row_rest) = row.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (xs, ys) in queries.iter().zip(rows) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum = add(*x, widen(*y), *sum);
        }
    }
    let rest: f32 = query_rest
        .iter()
        .zip(row_rest)
        .map(|(x, y)| x * widen(*y))
        .sum();
    total(&sums) + rest
}

/// By halves: one after the other, each sum would wait for the one before, as long as all products took. Not
/// inlined, as the compiler would arrange the loop before it to suit this, two lanes to a register.
#[inline(never)]
fn total(sums: &[f32; LANES]) -> f32 {
    let (registers, _) = sums.as_chunks::<8>();
    let mut eight = [0.0_f32; 8];
    for register in registers {
        for (sum, x) in eight.iter_mut().zip(register) {
            *sum += x;
        }
    }
    let (low, high) = eight.split_at(4);
    low.iter().zip(high).map(|(x, y)| x + y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_rounds_to_the_nearest() {
        for (x, expected) in [
            (0.0, 0.0),
            (1.0, 1.0),
            (-2.5, -2.5),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (-1.005, -1.007_812_5),
        ] {
            assert_eq!(widen(narrow(x)).to_bits(), f32::to_bits(expected), "{x}");
        }
    }

    #[test]
    fn every_length_and_every_path_gives_the_product() {
        for length in [0, 1, 7, 31, 32, 33, 384, 1_000] {
            let xs: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let ys: Vec<f32> = (0..length).map(|i| (i % 5) as f32 - 2.0).collect();
            let row: Vec<u16> = ys.iter().map(|y| narrow(*y)).collect();
            let expected: f32 = xs.iter().zip(&ys).map(|(x, y)| x * y).sum();
            assert!((dot(&xs, &row) - expected).abs() < 1e-3, "{length}");
            let plain = sum(&xs, &row, |x, y, sum| x * y + sum);
            assert!((plain - expected).abs() < 1e-3, "{length}");
        }
    }
}
