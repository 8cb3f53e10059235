//! Memory that is asked of the system itself, and what the allocator does with memory that is no longer needed.

use memmap2::MmapMut;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

/// Numbers of which any bits are a value.
pub trait Plain: Copy + sealed::Sealed {}

impl Plain for u8 {}
impl Plain for u16 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
}

/// Numbers that are zero until they are written, in pages of their own.
///
/// An allocator asks the system for large pieces only until the first of them is freed; from then on it clears what it has,
/// all of it at once, and keeps what is given back. Here a page takes memory when it is first written, is given back by
/// [`release`](Self::release), and all are when the buffer is dropped.
#[derive(Debug)]
pub struct Buffer<T> {
    memory: MmapMut,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    /// Room for `len` numbers.
    ///
    /// # Panics
    /// If the system has no room for them.
    pub fn zeroed(len: usize) -> Self {
        let memory = len.checked_mul(size_of::<T>()).and_then(|bytes| MmapMut::map_anon(bytes).ok());
        let memory = memory.unwrap_or_else(|| panic!("out of memory: {len} numbers of {} bytes", size_of::<T>()));
        Self { memory, len, numbers: PhantomData }
    }

    /// Asks the system for large pages: what is read from one end to the other again and again is then found with a
    /// fraction of the address translations. Of memory that is sparsely written they would take a multiple. Systems that know no such pages
    /// ignore it.
    pub fn advise_large_pages(&self) {
        #[cfg(target_os = "linux")]
        // Only the speed depends on it.
        let _ = self.memory.advise(memmap2::Advice::HugePage);
    }

    /// Gives the memory of numbers back that nobody needs; what they are until they are written again is unspecified.
    pub fn release(&mut self, numbers: Range<usize>) {
        #[cfg(target_os = "linux")]
        {
            const PAGE_BYTES: usize = 4096;
            let start = (numbers.start * size_of::<T>()).next_multiple_of(PAGE_BYTES);
            let end = numbers.end.min(self.len) * size_of::<T>() / PAGE_BYTES * PAGE_BYTES;
            if start < end {
                // SAFETY: the pages are anonymous and private to this buffer: they become zeros, which any number may be.
                #[expect(unsafe_code, reason = "the pages lose what they hold")]
                let released = unsafe {
                    self.memory.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start)
                };
                // What the system keeps costs memory, nothing else. Where pages are larger, it refuses.
                let _ = released;
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = numbers;
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping begins at a page, is `len` numbers long, and any bits are a number.
        #[expect(unsafe_code, reason = "bytes of the system are numbers of ours")]
        unsafe {
            std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len)
        }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the buffer is borrowed exclusively.
        #[expect(unsafe_code, reason = "bytes of the system are numbers of ours")]
        unsafe {
            std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.len)
        }
    }
}

impl<T: Plain> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

/// Lets the process keep what is freed, for work that allocates and frees gigabytes over and over, as a step of training
/// does: the C library of GNU asks the system for large pieces one by one, and the system clears each page before it hands
/// it out. Other C libraries go on as they do.
pub fn keep_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // One heap for all threads, as only the first may grow without bound.
        let settings = [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, i32::MAX)];
        for (setting, value) in settings {
            // SAFETY: the allocator may be told so at any time; where it refuses, nothing changes.
            #[expect(unsafe_code, reason = "the C library has no safe interface")]
            unsafe {
                libc::mallopt(setting, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn what_is_released_can_be_written_again_and_its_neighbours_stay() {
        const PAGE: usize = 4096 / size_of::<u16>();
        let mut buffer: Buffer<u16> = Buffer::zeroed(8 * PAGE);
        buffer.advise_large_pages();
        assert!(buffer.iter().all(|number| *number == 0));
        buffer.fill(7);
        // The pages at both ends hold numbers that stay.
        buffer.release(PAGE - 1..7 * PAGE + 1);
        assert!(buffer[..PAGE].iter().chain(&buffer[7 * PAGE..]).all(|number| *number == 7));
        #[cfg(target_os = "linux")]
        assert!(buffer[PAGE..7 * PAGE].iter().all(|number| *number == 0), "the system took the pages back");
        buffer.fill(9);
        assert!(buffer.clone().iter().all(|number| *number == 9));
        assert!(Buffer::<u8>::zeroed(0).is_empty());
    }
}
