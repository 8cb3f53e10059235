//! Mapped files that another program cuts short, or whose disk fails.
//!
//! Whoever reads a page of such a file gets a signal, SIGBUS, that ends the process. Where the file is guarded, its pages
//! become zeros instead, and the guard tells that they did: what was computed with them is an error, not the end of
//! whatever else the process does.

pub use guard::FaultGuard;

#[cfg(unix)]
mod guard {
    use std::mem::MaybeUninit;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Guards a mapped file for as long as it lives, which must not be longer than the mapping.
    #[derive(Debug)]
    pub struct FaultGuard {
        /// `None` if more files are mapped than there are places.
        place: Option<&'static Place>,
    }

    /// Where a file is mapped. The handler of the signal may only read what is there already: no lock, no allocation.
    #[derive(Debug)]
    struct Place {
        is_taken: AtomicBool,
        /// 0: nowhere.
        start: AtomicUsize,
        end: AtomicUsize,
        has_faulted: AtomicBool,
    }

    /// Models, drafts, embedding models and their packed weights: far fewer than this are mapped at a time.
    static PLACES: [Place; 64] = [const {
        Place {
            is_taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            has_faulted: AtomicBool::new(false),
        }
    }; 64];

    /// What handled the signal before us.
    static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();
    static PAGE_BYTES: OnceLock<usize> = OnceLock::new();

    impl FaultGuard {
        /// Guards the bytes of a mapped file, which is mapped to be read.
        ///
        /// # Safety
        /// Until the guard is dropped, `bytes` must be the whole of one mapping, and nobody may depend on what they are after
        /// [`has_faulted`](Self::has_faulted) says yes.
        #[expect(unsafe_code, reason = "pages of the mapping may be replaced")]
        pub unsafe fn new(bytes: &[u8]) -> Self {
            if bytes.is_empty() || !is_installed() {
                return Self { place: None };
            }
            let place = PLACES.iter().find(|place| !place.is_taken.swap(true, Ordering::SeqCst));
            if let Some(place) = place {
                place.has_faulted.store(false, Ordering::SeqCst);
                place.end.store(bytes.as_ptr().addr() + bytes.len(), Ordering::SeqCst);
                place.start.store(bytes.as_ptr().addr(), Ordering::SeqCst);
            }
            Self { place }
        }

        /// Whether a page could not be read, and was zeros instead.
        pub fn has_faulted(&self) -> bool {
            self.place.is_some_and(|place| place.has_faulted.load(Ordering::SeqCst))
        }
    }

    impl Drop for FaultGuard {
        fn drop(&mut self) {
            if let Some(place) = self.place {
                place.start.store(0, Ordering::SeqCst);
                place.is_taken.store(false, Ordering::SeqCst);
            }
        }
    }

    /// Whether the signal comes to us; asks for that the first time.
    fn is_installed() -> bool {
        static IS_INSTALLED: OnceLock<bool> = OnceLock::new();
        *IS_INSTALLED.get_or_init(install)
    }

    #[expect(unsafe_code, reason = "signals have no safe interface")]
    fn install() -> bool {
        // SAFETY: plain system calls on memory of our own. What handled the signal before is known before the handler is
        // in place, which calls it for every address that is not guarded.
        unsafe {
            let Ok(page_bytes) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) else { return false };
            let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
            if libc::sigaction(libc::SIGBUS, std::ptr::null(), previous.as_mut_ptr()) != 0 {
                return false;
            }
            PAGE_BYTES.get_or_init(|| page_bytes);
            PREVIOUS.get_or_init(|| previous.assume_init());
            let mut ours = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            ours.sa_sigaction = on_bus_error as *const () as usize;
            // On the thread's own stack for signals, where there is one: the fault may be an overflow of the stack.
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGBUS, &raw const ours, std::ptr::null_mut()) == 0
        }
    }

    #[expect(unsafe_code, reason = "signals have no safe interface")]
    extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the system passes what it documents.
        let address = unsafe { (*info).si_addr() }.addr();
        let is_there = |place: &&Place| {
            let start = place.start.load(Ordering::SeqCst);
            start != 0 && start <= address && address < place.end.load(Ordering::SeqCst)
        };
        if let (Some(place), Some(page_bytes)) = (PLACES.iter().find(is_there), PAGE_BYTES.get()) {
            place.has_faulted.store(true, Ordering::SeqCst);
            let first = address / page_bytes * page_bytes;
            // A file that was cut short lacks all pages from here on.
            let length = place.end.load(Ordering::SeqCst).next_multiple_of(*page_bytes) - first;
            let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: the pages belong to a mapping that whoever guards it keeps, and that is only read. The call is one of the
            // system's, which needs no lock of the C library's.
            let zeros =
                unsafe { libc::mmap(std::ptr::without_provenance_mut(first), length, libc::PROT_READ, flags, -1, 0) };
            if zeros != libc::MAP_FAILED {
                return;
            }
        }
        // SAFETY: as above.
        unsafe { pass_on(signal, info, context) };
    }

    /// Lets whatever handled the signal before us handle it.
    ///
    /// # Safety
    /// To be called by the handler, with what the system passed.
    #[expect(unsafe_code, reason = "signals have no safe interface")]
    unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let Some(previous) = PREVIOUS.get() else { return };
        // SAFETY: the previous handler is what the system gave us as such, of the kind that its flags tell. Without one,
        // the signal comes again when this returns, and ends the process.
        unsafe {
            match previous.sa_sigaction {
                libc::SIG_DFL | libc::SIG_IGN => {
                    libc::sigaction(signal, previous, std::ptr::null_mut());
                }
                handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
                    std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
                }
                handler => std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal),
            }
        }
    }
}

/// A file that is mapped cannot be cut short on other systems.
#[cfg(not(unix))]
mod guard {
    /// Guards a mapped file.
    #[derive(Debug)]
    pub struct FaultGuard;

    impl FaultGuard {
        /// Guards the bytes of a mapped file.
        ///
        /// # Safety
        /// None: it does nothing.
        #[expect(unsafe_code, reason = "it is unsafe elsewhere")]
        pub unsafe fn new(_: &[u8]) -> Self {
            Self
        }

        /// Whether a page could not be read.
        pub fn has_faulted(&self) -> bool {
            false
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::FaultGuard;
    use memmap2::Mmap;
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt;

    const LENGTH: usize = 1 << 20;

    #[expect(unsafe_code, reason = "a file is mapped and cut short")]
    fn mapped(file: &File) -> Mmap {
        // SAFETY: the test reads it through `read_volatile`, or dies of it as it should.
        unsafe { Mmap::map(file) }.unwrap()
    }

    fn file() -> File {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &vec![7; LENGTH]).unwrap();
        file
    }

    #[expect(unsafe_code, reason = "the byte may have changed under us")]
    fn byte(map: &Mmap, at: usize) -> u8 {
        assert!(at < map.len());
        // SAFETY: it is within the mapping.
        unsafe { map.as_ptr().add(at).read_volatile() }
    }

    #[test]
    fn a_guarded_file_that_is_cut_short_becomes_zeros_and_says_so() {
        let (file, other) = (file(), file());
        let (map, whole) = (mapped(&file), mapped(&other));
        // SAFETY: nothing depends on the bytes.
        #[expect(unsafe_code, reason = "what is tested")]
        let (guard, of_other) = unsafe { (FaultGuard::new(&map), FaultGuard::new(&whole)) };
        assert!(byte(&map, LENGTH / 2) == 7 && !guard.has_faulted());
        file.set_len(100).unwrap();
        assert_eq!([byte(&map, LENGTH / 2), byte(&map, LENGTH - 1)], [0; 2]);
        assert!(guard.has_faulted() && !of_other.has_faulted());
        assert_eq!((byte(&map, 0), byte(&whole, LENGTH - 1)), (7, 7), "what is there stays");
    }

    /// Reads a file that is not guarded any more: see below.
    #[test]
    #[ignore = "run by `elsewhere_the_signal_ends_the_process_as_before`, in a process of its own"]
    fn reads_what_is_gone() {
        let file = file();
        let map = mapped(&file);
        // SAFETY: nothing depends on the bytes.
        #[expect(unsafe_code, reason = "what is tested")]
        drop(unsafe { FaultGuard::new(&map) });
        file.set_len(0).unwrap();
        byte(&map, LENGTH / 2);
    }

    #[test]
    fn elsewhere_the_signal_ends_the_process_as_before() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "file_fault::tests::reads_what_is_gone"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
