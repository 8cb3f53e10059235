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
    for entry in fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path() != path) {
        let name = entry.file_name().into_string().unwrap();
        assert!(name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX), "{name}");
    }
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
    take_back(&changes);
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [file("changed since")]);
    assert_eq!(fs::read(&left[0]).unwrap(), b"theirs");
}
