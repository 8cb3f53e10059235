//! Replaces files without losing what another program writes at the same moment.
//!
//! Between a look at a file and a rename over it, another program may write. So the new content and the file change
//! places at once, and what was displaced is looked at after: if it is not what was expected, it gets its place back. A
//! file that goes is moved aside first and looked at there.
//!
//! A file aside is named after the file it was displaced from, so that a process that dies in between loses nothing: see
//! [`restore`]. A program that opened the file before and writes into it only after the look is not noticed; the look
//! comes after the folder is on the disk, which takes longer than other programs have a file open.

use super::{ChangeError, TEMPORARY_PREFIX, TEMPORARY_SUFFIX, failed};
use crate::files;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How the names of files end that were moved aside.
const ASIDE_SUFFIX: &str = ".aside";

/// So much of a file's name stands in the name of what is aside; file systems allow 255 bytes.
const MAX_NAME_BYTES: usize = 200;

/// Other programs that write one after the other, each within the moment of an exchange, are followed so far.
const MAX_EXCHANGES: usize = 1000;

/// Makes two files change places.
pub(super) type Exchange = fn(&Path, &Path) -> io::Result<()>;

/// Replaces the content of a file, which must be `expected`, by `wanted`.
pub(super) fn replace(
    path: &Path,
    expected: Option<&[u8]>,
    wanted: Option<&[u8]>,
    exchange: Exchange,
) -> Result<(), ChangeError> {
    let target = target(path)?;
    if !holds(&target, expected).map_err(failed("read", &target))? {
        return Err(ChangeError::Conflict { path: path.to_owned() });
    }
    match (expected, wanted) {
        (None, None) => Ok(()),
        (None, Some(wanted)) => create(&target, wanted),
        (Some(expected), Some(wanted)) => edit(&target, expected, wanted, exchange),
        (Some(expected), None) => remove(&target, expected),
    }
}

/// The file that a change of `path` is about: what other programs share stands behind a link in the same folder.
pub(super) fn target(path: &Path) -> Result<PathBuf, ChangeError> {
    match files::plain_file(folder_of(path), path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(ChangeError::NotPlain { path: path.to_owned(), reason: error.to_string() })
        }
        Err(error) => Err(failed("read", path)(error)),
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether `path` is a plain file with exactly this content, or, for `None`, nothing.
pub(super) fn holds(path: &Path, content: Option<&[u8]>) -> io::Result<bool> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(content.is_none()),
        Err(error) => return Err(error),
    };
    let Some(content) = content.filter(|content| metadata.is_file() && metadata.len() == content.len() as u64) else {
        return Ok(false);
    };
    let mut found = Vec::with_capacity(content.len() + 1);
    files::open_plain(path)?.take(content.len() as u64 + 1).read_to_end(&mut found)?;
    Ok(found == content)
}

fn create(target: &Path, wanted: &[u8]) -> Result<(), ChangeError> {
    make_folder(folder_of(target))?;
    let made = write(target, wanted, None)?.persist_noclobber(target);
    made.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => ChangeError::Conflict { path: target.to_owned() },
        _ => failed("write", target)(error.error),
    })?;
    save_folder(target).inspect_err(|_| drop(remove(target, wanted)))
}

fn edit(target: &Path, expected: &[u8], wanted: &[u8], exchange: Exchange) -> Result<(), ChangeError> {
    let conflict = || ChangeError::Conflict { path: target.to_owned() };
    let permissions = match fs::metadata(target) {
        Ok(metadata) => metadata.permissions(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(conflict()),
        Err(error) => return Err(failed("read", target)(error)),
    };
    let unfinished = write(target, wanted, Some(permissions))?;
    let aside = free_name(target);
    unfinished.persist_noclobber(&aside).map_err(|error| failed("write", target)(error.error))?;
    let ours = Stamp::of(&aside);
    if let Err(error) = exchange(&aside, target) {
        let _ = fs::remove_file(&aside);
        let gone = error.kind() == io::ErrorKind::NotFound;
        return Err(if gone { conflict() } else { failed("write", target)(error) });
    }
    let Err(failure) = let_go(&aside, target, expected) else { return Ok(()) };
    give_back(&aside, target, ours, exchange)?;
    Err(failure)
}

/// Gives the place to what was displaced, or to what another program wrote there since.
fn give_back(aside: &Path, target: &Path, ours: Option<Stamp>, exchange: Exchange) -> Result<(), ChangeError> {
    let mut placed = ours;
    for _ in 0..MAX_EXCHANGES {
        let next = Stamp::of(aside);
        match exchange(aside, target) {
            Ok(()) if Stamp::of(aside) == placed => break,
            Ok(()) => placed = next,
            // Another program deleted it meanwhile: nothing is deleted that it may not have seen.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return move_to_free(aside, target).map_err(failed("write", target));
            }
            Err(error) => return Err(failed("write", target)(error)),
        }
    }
    // Either our own content, or a version that another program has replaced since.
    discard(aside, target)
}

fn remove(target: &Path, expected: &[u8]) -> Result<(), ChangeError> {
    let conflict = || ChangeError::Conflict { path: target.to_owned() };
    let aside = free_name(target);
    move_to_free(target, &aside).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => conflict(),
        _ => failed("delete", target)(error),
    })?;
    let Err(failure) = let_go(&aside, target, expected) else { return Ok(()) };
    match move_to_free(&aside, target) {
        // Another program made the file anew.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => discard(&aside, target)?,
        moved => moved.map_err(failed("write", target))?,
    }
    Err(failure)
}

/// Deletes what was displaced, once the change is on the disk, if it is what was expected.
fn let_go(aside: &Path, target: &Path, expected: &[u8]) -> Result<(), ChangeError> {
    save_folder(target)?;
    if !holds(aside, Some(expected)).map_err(failed("read", target))? {
        return Err(ChangeError::Conflict { path: target.to_owned() });
    }
    discard(aside, target)
}

/// Deletes what is aside for good.
fn discard(aside: &Path, target: &Path) -> Result<(), ChangeError> {
    fs::remove_file(aside).map_err(failed("delete what was replaced beside", target))
}

/// Tells whether a file was written meanwhile: a move changes none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self { file: number(&metadata), length: metadata.len(), modified: metadata.modified().ok() })
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// Writes a file beside `target`, on the disk when this returns, which goes unless it is moved to another name.
fn write(
    target: &Path,
    content: &[u8],
    permissions: Option<Permissions>,
) -> Result<tempfile::NamedTempFile, ChangeError> {
    let folder = folder_of(target);
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    if let Some(permissions) = permissions.or_else(|| shared_permissions(folder)) {
        file.as_file().set_permissions(permissions).map_err(failed("write", target))?;
    }
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed("write", target))?;
    Ok(file)
}

/// A new file is its owner's alone, unless its folder hands its group on to new files: then the group may do with the
/// file what it may do with the folder.
#[cfg(unix)]
fn shared_permissions(folder: &Path) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    const SET_GROUP: u32 = 0o2000;
    let mode = fs::metadata(folder).ok()?.permissions().mode();
    (mode & SET_GROUP != 0).then(|| Permissions::from_mode(0o600 | mode & 0o060))
}

#[cfg(not(unix))]
fn shared_permissions(_: &Path) -> Option<Permissions> {
    None
}

/// Makes a folder that only its owner may enter.
fn make_folder(folder: &Path) -> Result<(), ChangeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("create the folder", folder))
}

fn save_folder(target: &Path) -> Result<(), ChangeError> {
    let folder = folder_of(target);
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems cannot save a folder on its own.
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(failed("save the folder", folder)(error)),
        _ => Ok(()),
    }
}

/// A name that no file has, for what is to be put aside.
fn free_name(target: &Path) -> PathBuf {
    let number = uuid::Uuid::new_v4().simple().to_string();
    target.with_file_name(format!("{}{number}{ASIDE_SUFFIX}", aside_prefix(target)))
}

/// How the names begin of what was put aside for `target`.
fn aside_prefix(target: &Path) -> String {
    let mut name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    format!("{TEMPORARY_PREFIX}{name}-")
}

/// The files left aside for `target`.
fn asides(target: &Path) -> Vec<PathBuf> {
    let prefix = aside_prefix(target);
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(ASIDE_SUFFIX));
        number.is_some_and(|number| number.parse::<uuid::Uuid>().is_ok())
    };
    let entries = fs::read_dir(folder_of(target)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_aside).collect()
}

/// Ends the exchange in which a process died: what another program had written gets its place, and so does a file whose
/// place is empty; what is known from the change is deleted.
pub(super) fn restore(
    target: &Path,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    exchange: Exchange,
) -> Result<(), ChangeError> {
    let read = failed("read", target);
    let is_known = |path: &Path| {
        Ok::<_, io::Error>((before.is_some() && holds(path, before)?) || (after.is_some() && holds(path, after)?))
    };
    let mut left = Vec::new();
    for aside in asides(target) {
        match is_known(&aside) {
            Ok(true) => left.push(aside),
            Ok(false) => return_to(target, &aside, is_known(target).unwrap_or(false), exchange)?,
            Err(error) => return Err(read(error)),
        }
    }
    for aside in left {
        let is_needed = before.is_some()
            && holds(target, None)
                .and_then(|empty| Ok(empty && holds(&aside, before)?))
                .map_err(failed("read", target))?;
        if is_needed {
            move_to_free(&aside, target).map_err(failed("write", target))?;
        } else {
            discard(&aside, target)?;
        }
    }
    Ok(())
}

/// Gives another program's content its place, unless something newer stands there.
fn return_to(target: &Path, aside: &Path, target_is_ours: bool, exchange: Exchange) -> Result<(), ChangeError> {
    match move_to_free(aside, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && target_is_ours => {
            exchange(aside, target).map_err(failed("write", target))?;
            discard(aside, target)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        moved => moved.map_err(failed("write", target)),
    }
}

/// Makes two files change places at once where the system can, else with a moment in which the second does not exist.
pub(super) fn exchange(first: &Path, second: &Path) -> io::Result<()> {
    match exchange_at_once(first, second) {
        Err(error) if is_unsupported(&error) => exchange_by_moves(first, second),
        exchanged => exchanged,
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange_at_once(first: &Path, second: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, first, CWD, second, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange_at_once(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes two files change places by three moves. What another program makes in the second place meanwhile counts as what
/// was displaced.
pub(super) fn exchange_by_moves(first: &Path, second: &Path) -> io::Result<()> {
    let between = free_name(second);
    move_to_free(second, &between)?;
    loop {
        match move_to_free(first, second) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::rename(second, &between)?,
            Err(error) => {
                move_to_free(&between, second)?;
                return Err(error);
            }
        }
    }
    move_to_free(&between, first)
}

/// Moves a file to a name that is free; [`io::ErrorKind::AlreadyExists`] if it is not.
fn move_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match rename_to_free(from, to) {
        Err(error) if is_unsupported(&error) => {}
        moved => return moved,
    }
    match fs::hard_link(from, to) {
        Ok(()) => return fs::remove_file(from),
        Err(error) if is_unsupported(&error) || error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    // A file system without any of these has no other program's writes to lose at the same moment but by chance.
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_to_free(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the system, or this file system, does not know what it was asked to do.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}
