//! The heap of an agent: the standard library's allocator, over memory that is there from the beginning.
//!
//! The standard library asks for its first memory by growing the guest's. A sandbox serves one turn, so that
//! would be two changes of protection a turn, one to grow and one to shrink again, each of which interrupts
//! every processor of the host. What is part of the component from the start costs nothing.
//!
//! Invariant: the arena is given away once; one thread runs in a component.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

use dlmalloc::{Allocator, Dlmalloc};

/// Bytes of the first memory: an event with the largest payload fits. Untouched pages of it cost nothing.
const ARENA_BYTES: usize = 384 * 1024;
/// WebAssembly's page in bytes.
const PAGE_BYTES: usize = 64 * 1024;

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: a component has one thread.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

/// Gives the arena first, then grown memory.
struct Memory {
    given: UnsafeCell<bool>,
}

// SAFETY: regions are given once and never taken back; `alloc` returns null when there is no more.
unsafe impl Allocator for Memory {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        // SAFETY: one thread, and no reference to the flag outlives this line.
        let given = unsafe { self.given.get().replace(true) };
        if !given && size <= ARENA_BYTES {
            return (ARENA.0.get().cast(), ARENA_BYTES, 0);
        }
        let pages = size.div_ceil(PAGE_BYTES);
        match core::arch::wasm32::memory_grow(0, pages) {
            usize::MAX => (ptr::null_mut(), 0, 0),
            first => (
                ptr::without_provenance_mut(first * PAGE_BYTES),
                pages * PAGE_BYTES,
                0,
            ),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}

struct Heap(UnsafeCell<Dlmalloc<Memory>>);

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Memory {
    given: UnsafeCell::new(false),
})));

// SAFETY: every call goes to dlmalloc with the caller's own layout; one thread, and an allocator does not
// call itself.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { (*self.0.get()).free(at, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (*self.0.get()).realloc(at, layout.size(), layout.align(), bytes) }
    }
}
