//! What the allocator does with memory that is no longer needed.

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
