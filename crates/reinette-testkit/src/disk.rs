//! Disks that are full or may not be written.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A file system in memory, mounted on a folder for the length of a test.
#[derive(Debug)]
pub struct TinyDisk<'a> {
    folder: &'a Path,
}

impl<'a> TinyDisk<'a> {
    /// Mounts one with the `options` of Linux' `tmpfs`, such as `size=1m`; `None`, with a word on why, where the test may
    /// not mount.
    pub fn mount(folder: &'a Path, options: &str) -> Option<Self> {
        let made = fs::create_dir_all(folder).is_ok();
        if made && run_mount(folder, &["-t", "tmpfs", "-o", options, "tmpfs"]) {
            return Some(Self { folder });
        }
        tell_that_it_is_skipped();
        None
    }

    /// Whether it could be mounted again with other options, such as `ro`.
    #[must_use]
    pub fn remount(&self, options: &str) -> bool {
        run_mount(self.folder, &["-o", &format!("remount,{options}")])
    }
}

fn run_mount(folder: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("mount").args(arguments).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stderr, reason = "whoever reads the test's output learns what was not tested")]
fn tell_that_it_is_skipped() {
    eprintln!("skipped: only root may mount the file system that this test needs");
}

impl Drop for TinyDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder).status();
    }
}
