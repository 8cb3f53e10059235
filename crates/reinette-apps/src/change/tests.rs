use super::*;
use std::process::{Command, Stdio};
use std::thread;

/// Set in the child process that the test of killing starts.
const VICTIM: &str = "REINETTE_CHANGE_VICTIM";

fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new folder").join("file.ics");
    (folder, path)
}

#[test]
fn a_change_is_made_and_taken_back() {
    let (_folder, path) = home();
    let create = FileChange::create(path.clone(), "one");
    let edit = FileChange::edit(path.clone(), "one", "two");
    let remove = FileChange::remove(path.clone(), "two");
    apply_all(&[create.clone(), edit, remove.clone()]).unwrap();
    assert!(!path.exists());
    remove.revert().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert!(matches!(create.revert(), Err(ChangeError::Conflict { .. })), "the file is not as it was created");
}

#[test]
fn what_somebody_else_changed_is_left_alone() {
    let (_folder, path) = home();
    FileChange::create(path.clone(), "one").apply().unwrap();
    for change in [
        FileChange::create(path.clone(), "mine"),
        FileChange::edit(path.clone(), "other", "mine"),
        FileChange::remove(path.clone(), "other"),
        FileChange::edit(path.with_file_name("absent"), "x", "mine"),
    ] {
        let error = change.apply().unwrap_err();
        assert!(error.to_string().contains("changed by another program"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"one");
}

#[test]
fn all_files_change_or_none() {
    let (_folder, path) = home();
    let other = path.with_file_name("other.ics");
    let changes = [FileChange::create(path.clone(), "one"), FileChange::edit(other, "absent", "two")];
    assert!(apply_all(&changes).is_err());
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_the_mode_is_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "one").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    FileChange::edit(link.clone(), "one", "two").apply().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&file).unwrap(), b"two");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_refusal_says_where_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FileChange::create(file.join("inside"), "x").apply().unwrap_err().to_string();
    assert!(error.contains("inside") && error.contains("A part of its path is a file"), "{error}");
    let kinds = [
        (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
        (io::ErrorKind::StorageFull, "make room"),
        (io::ErrorKind::PermissionDenied, "who owns"),
    ];
    for (kind, advice) in kinds {
        let error = failed("write", &file)(kind.into()).to_string();
        assert!(error.contains(advice) && error.contains("file"), "{error}");
    }
}

/// `/proc` refuses new files even to the superuser: the system's own refusal, not one made up.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_an_error() {
    let change = FileChange::create(PathBuf::from("/proc/reinette/file"), "x");
    assert!(matches!(change.apply(), Err(ChangeError::Io { action: "create the folder", .. })));
}

/// Not a test of its own: what the next test starts and kills.
#[test]
fn victim_that_writes_for_ever() {
    let Some(path) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let (a, b) = contents();
    loop {
        FileChange::edit(path.clone(), a.as_str(), b.as_str()).apply().unwrap();
        FileChange::edit(path.clone(), b.as_str(), a.as_str()).apply().unwrap();
    }
}

fn contents() -> (String, String) {
    ("a".repeat(1 << 20), "b".repeat(1 << 20))
}

#[test]
fn a_process_killed_in_the_middle_leaves_the_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let (a, b) = contents();
    fs::write(&path, &a).unwrap();
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "change::tests::victim_that_writes_for_ever"])
            .env(VICTIM, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(80 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let content = fs::read_to_string(&path).unwrap();
        assert!(content == a || content == b, "half a file of {} bytes", content.len());
        fs::write(&path, &a).unwrap();
    }
    // Its temporary files are recognised by their names and removed.
    take_back(&[FileChange::edit(path.clone(), a, b)]).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, [path]);
}

#[test]
fn only_old_unfinished_files_are_cleaned_away() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".reinette-old.tmp", ".reinette-new.tmp", "event.ics"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    for name in [".reinette-old.tmp", "event.ics"] {
        fs::File::options().write(true).open(folder.path().join(name)).unwrap().set_modified(yesterday).unwrap();
    }
    let hour = Duration::from_hours(1);
    assert_eq!(remove_temporary_files(folder.path(), hour), 1);
    assert!(folder.path().join(".reinette-new.tmp").exists() && folder.path().join("event.ics").exists());
    assert_eq!(remove_temporary_files(Path::new("absent"), hour), 0);
}

#[test]
fn what_a_dead_process_made_is_taken_back_and_nothing_else() {
    let (_folder, path) = home();
    let file = |name: &str| path.with_file_name(name);
    let create = |name: &str, content: &str| FileChange::create(file(name), content);
    let changes = [create("made", "a"), create("changed since", "b"), create("not reached", "c")];
    apply_all(&changes[..2]).unwrap();
    fs::write(file("changed since"), "theirs").unwrap();
    fs::write(file(".reinette-1.tmp"), "ha").unwrap();
    take_back(&changes).unwrap();
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [file("changed since")]);
    assert_eq!(fs::read(&left[0]).unwrap(), b"theirs");
}

/// Another program that writes a file once, at another moment each round.
fn write_meanwhile(path: &Path, content: &str, how: ForeignWrite, after: Duration) -> thread::JoinHandle<()> {
    let (path, content) = (path.to_owned(), content.to_owned());
    thread::spawn(move || {
        let started = std::time::Instant::now();
        while started.elapsed() < after {
            std::hint::spin_loop();
        }
        match how {
            ForeignWrite::InPlace => fs::write(path, content).unwrap(),
            ForeignWrite::ByRename => {
                let other = path.with_extension("other");
                fs::write(&other, content).unwrap();
                fs::rename(other, path).unwrap();
            }
        }
    })
}

#[derive(Clone, Copy, Debug)]
enum ForeignWrite {
    InPlace,
    ByRename,
}

/// How many writes of another program race with each kind of change; `REINETTE_RACES` says another number.
fn races() -> u32 {
    std::env::var("REINETTE_RACES").ok().and_then(|races| races.parse().ok()).unwrap_or(24)
}

#[test]
fn no_write_of_another_program_is_lost_while_a_change_is_made() {
    let kinds = [(Some("base"), Some("ours")), (Some("base"), None), (None, Some("ours"))];
    let exchanges = [exchange as exchange::Exchange, exchange::exchange_by_moves];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.ics");
    for (before, after) in kinds {
        for (how, exchange) in [ForeignWrite::InPlace, ForeignWrite::ByRename].into_iter().zip(exchanges.repeat(2)) {
            let mut taken = Duration::from_millis(1);
            for round in 0..races() {
                let _ = fs::remove_file(&path);
                if let Some(before) = before {
                    fs::write(&path, before).unwrap();
                }
                let theirs = format!("theirs {round}");
                let other = write_meanwhile(&path, &theirs, how, taken * (round % 16) / 12);
                let started = std::time::Instant::now();
                let made = replace(&path, before.map(str::as_bytes), after.map(str::as_bytes), exchange);
                taken = started.elapsed();
                other.join().unwrap();
                let found = fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(found, theirs, "{before:?} → {after:?}, written {how:?}, {made:?}");
                let left: Vec<_> =
                    fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.file_name()).collect();
                assert_eq!(left, ["file.ics"]);
            }
        }
    }
}

#[test]
fn what_another_program_wrote_is_found_again_when_a_process_dies_in_an_exchange() {
    let (_folder, path) = home();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let aside = exchange_name(&path);
    // For a change from "old" to "new": content in place, content aside, content in place after recovery.
    for (placed, displaced, found) in [
        (Some("new"), "theirs", Some("theirs")),
        (None, "theirs", Some("theirs")),
        (Some("new"), "old", Some("old")),
        (Some("old"), "new", Some("old")),
        (None, "old", Some("old")),
        (Some("later"), "old", Some("later")),
    ] {
        let _ = fs::remove_file(&path);
        if let Some(content) = placed {
            fs::write(&path, content).unwrap();
        }
        fs::write(&aside, displaced).unwrap();
        take_back(&[FileChange::edit(path.clone(), "old", "new")]).unwrap();
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), found, "{placed:?}, {displaced} aside");
        assert!(!aside.exists());
    }
    // Deleting what was created: nothing is to come back.
    fs::remove_file(&path).unwrap();
    fs::write(&aside, "new").unwrap();
    take_back(&[FileChange::create(path.clone(), "new")]).unwrap();
    assert!(!path.exists() && !aside.exists());
}

fn exchange_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    path.with_file_name(format!(".reinette-{name}-0123456789abcdef0123456789abcdef.aside"))
}

#[cfg(unix)]
#[test]
fn nothing_is_changed_behind_a_link_to_another_folder() {
    let (folder, path) = home();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let outside = folder.path().join("outside");
    fs::write(&outside, "one").unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    for change in [FileChange::edit(path.clone(), "one", "two"), FileChange::remove(path.clone(), "one")] {
        let error = change.apply().unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains("link to another folder"), "{error}");
    }
    assert_eq!(fs::read(&outside).unwrap(), b"one");
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.ics");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(FileChange::edit(path.clone(), "one", "two").apply().unwrap_err().is_conflict());
    assert!(FileChange::create(path.clone(), "two").apply().unwrap_err().is_conflict());
    assert!(path.exists());
}

#[cfg(unix)]
#[test]
fn new_files_are_the_users_alone_unless_the_folder_is_a_groups() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (of_folder, of_file) in [(0o755, 0o600), (0o777, 0o600), (0o2770, 0o660), (0o2755, 0o640)] {
        let shared = folder.path().join(format!("{of_folder:o}"));
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(of_folder)).unwrap();
        FileChange::create(shared.join("new/file"), "x").apply().unwrap();
        FileChange::create(shared.join("file"), "x").apply().unwrap();
        assert_eq!((mode(&shared.join("file")), mode(&shared.join("new"))), (of_file, 0o700), "{of_folder:o}");
    }
}

#[test]
fn changes_one_after_the_other_are_one_change() {
    let path = |name: &str| PathBuf::from(name);
    let changes = [
        FileChange::remove(path("a"), "1"),
        FileChange::edit(path("b"), "1", "2"),
        FileChange::create(path("a"), "3"),
        FileChange::create(path("c"), "1"),
        FileChange::remove(path("c"), "1"),
        FileChange::edit(path("b"), "2", "1"),
    ];
    assert_eq!(combine(changes), [FileChange::edit(path("a"), "1", "3")]);
}
