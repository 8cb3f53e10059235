//! llama.cpp, built for this machine from the source that a package of pip's carries.

use super::setting::Build;
use crate::commands::bench::process;
use crate::context::cores;
use crate::printer::Printer;
use anyhow::{Context as _, Result, bail};
use reinette::models::FetchSettings;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package, of one version, so that figures of two days can be compared, and pip's digest of its source.
const REQUIREMENT: &str =
    "llama-cpp-python==0.3.36 --hash=sha256:832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e";
/// What the archive of its source unpacks to.
const SOURCE: &str = "llama_cpp_python-0.3.36";
/// The name of its folder in the cache.
const FOLDER: &str = "llama-cpp-python-0.3.36-builds";
/// How the other side is called.
pub(in crate::commands::bench) const NAME: &str = "llama.cpp (llama-cpp-python 0.3.36)";
/// Builds a makefile from a description; taken from pip where the system has none.
const CMAKE: &str = "cmake==4.4.5 \\
    --hash=sha256:85625a9b6d5e88ff99c7eb79123d85570844e77ac076366cf75c609cc0b1b579 \\
    --hash=sha256:25fc8469e67857124ef10c002331c0ab416eb7b8d9e1d6e4c58e84e730013ece \\
    --hash=sha256:e07a5716b4233dc9c69d6ca6993f4405eefc7687e718d9f6eebbb6cc1be304ef";

/// The text that perplexity is measured on: prose that every Python brings, about its own language.
const TEXT: &str = "import pydoc_data.topics as t; print('\\n'.join(t.topics.values())[:60000])";

/// For the processor of this machine, with the programs that are run here, without the server's web page, which would be
/// downloaded, and runnable from any folder.
const SETTINGS: [&str; 10] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DBUILD_SHARED_LIBS=ON",
    "-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON",
];

/// The programs that are run here.
const PROGRAMS: [&str; 5] = ["llama-bench", "llama-completion", "llama-server", "llama-quantize", "llama-perplexity"];

/// Without these, GCC 12 drops the stores of AMX's tile configuration, because it does not know that an instruction reads
/// them, and llama.cpp dies in its first product. Only its C++ is compiled so: the kernels of single tokens are C.
const GCC_KEEPS_STORES: &str = "-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse";

/// llama.cpp's programs, one folder for each build.
pub(super) struct Builds {
    folder: PathBuf,
}

impl Builds {
    /// The builds in the folder `peers`, made there unless they are.
    ///
    /// # Errors
    /// If there is no Python with pip or no compiler, something fails, or the user stops it.
    pub(super) fn new(printer: Printer, peers: &Path) -> Result<Self> {
        let folder = peers.join(FOLDER);
        if !folder.exists() {
            printer.note(&format!(
                "Building {NAME} once: its source is fetched by pip and compiled here, which takes a quarter of an hour on \
                 two cores"
            ));
            let partial = folder.with_added_extension("partial");
            remove(&partial)?;
            fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
            build(printer, &partial).context("llama.cpp cannot be built; it takes a C++ compiler, make, and pip")?;
            fs::rename(&partial, &folder).with_context(|| format!("cannot rename {}", partial.display()))?;
        }
        Ok(Self { folder })
    }

    /// The builds that there are, llama.cpp's own kernels first.
    pub(super) fn available(&self) -> Vec<Build> {
        [Build::Own, Build::OpenBlas].into_iter().filter(|build| self.programs(*build).exists()).collect()
    }

    /// A program of a build.
    pub(super) fn program(&self, build: Build, name: &str) -> Command {
        Command::new(self.programs(build).join(name))
    }

    /// The text that perplexity is measured on.
    pub(super) fn text(&self) -> PathBuf {
        self.folder.join("text.txt")
    }

    fn programs(&self, build: Build) -> PathBuf {
        self.folder.join(folder_of(build))
    }
}

fn folder_of(build: Build) -> &'static str {
    match build {
        Build::Own => "own",
        Build::OpenBlas => "openblas",
    }
}

/// Runs a program of ours or of a build to its end.
pub(super) fn run(command: &mut Command) -> Result<process::Watched> {
    let name = command.get_program().to_string_lossy().into_owned();
    process::watch(command)?
        .with_context(|| format!("{name} is missing; delete the folder {FOLDER}, and it is built again"))
}

/// Fetches the source and compiles each build into a folder of its own below `folder`.
fn build(printer: Printer, folder: &Path) -> Result<()> {
    let python = python(folder)?;
    fs::write(folder.join("requirements.txt"), REQUIREMENT)?;
    let fetch = ["download", "--quiet", "--no-deps", "--no-binary=:all:", "--require-hashes", "-r", "requirements.txt"];
    run(pip(&python, folder).args(fetch).args(["--dest", "."]))?;
    let archive = folder.join(format!("{SOURCE}.tar.gz"));
    run(isolated(&python, folder).args(["-m", "tarfile", "-e"]).arg(&archive).arg(folder))?;
    let text = run(isolated(&python, folder).args(["-c", TEXT]))?.output;
    fs::write(folder.join("text.txt"), text.into_iter().map(|line| line.text + "\n").collect::<String>())?;
    let source = folder.join(SOURCE).join("vendor/llama.cpp");
    let cmake = cmake(&python, folder)?;
    let made = folder.join("made");
    let configure = |more: &[&str]| {
        let mut command = Command::new(&cmake);
        run(command.arg("-S").arg(&source).arg("-B").arg(&made).args(SETTINGS).args(more)).map(drop)
    };
    // Clang's code is as fast, and it needs no care with AMX.
    if is_there("clang") && is_there("clang++") {
        configure(&["-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++"])?;
    } else {
        configure(&[GCC_KEEPS_STORES])?;
    }
    compile(&cmake, &made, &folder.join(folder_of(Build::Own)))?;
    // In the same folder, so that little is compiled again.
    let with_blas = configure(&["-DGGML_BLAS=ON", "-DGGML_BLAS_VENDOR=OpenBLAS"])
        .and_then(|()| compile(&cmake, &made, &folder.join(folder_of(Build::OpenBlas))));
    if let Err(error) = with_blas {
        process::check_interrupted()?;
        remove(&folder.join(folder_of(Build::OpenBlas)))?;
        let hint = "install OpenBLAS with its headers (on Debian libopenblas-dev and pkg-config), delete the folder";
        printer
            .warn(&format!("llama.cpp is measured without OpenBLAS ({error:#}); {hint} {FOLDER}, and run this again"));
    }
    for left in [&made, &folder.join(SOURCE), &archive] {
        remove(left)?;
    }
    Ok(())
}

/// Compiles the programs and moves them to `programs`.
fn compile(cmake: &Path, made: &Path, programs: &Path) -> Result<()> {
    let mut command = Command::new(cmake);
    command.arg("--build").arg(made).args(["--parallel", &cores().to_string(), "--target"]).args(PROGRAMS);
    run(&mut command)?;
    copy_folder(&made.join("bin"), programs)
}

/// Copies the files of a folder; of a link, what it leads to.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let copied = || {
        fs::create_dir_all(to)?;
        fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name())).map(drop)
        })
    };
    copied().with_context(|| format!("cannot copy {}", from.display()))
}

/// The first Python that there is with pip.
fn python(folder: &Path) -> Result<PathBuf> {
    for python in FetchSettings::default().pythons {
        match process::watch(pip(&python, folder).arg("--version")) {
            Ok(Some(_)) => return Ok(python),
            Ok(None) => {}
            Err(error) if error.to_string().contains("No module named pip") => {}
            Err(error) => return Err(error),
        }
    }
    bail!("there is no Python with pip; install Python 3, and pip with it")
}

/// A Python that imports nothing from the folder in which the user happens to be.
fn isolated(python: &Path, folder: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-I").current_dir(folder);
    command
}

fn pip(python: &Path, folder: &Path) -> Command {
    let mut command = isolated(python, folder);
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
    command
}

/// The system's CMake, or the one of the package.
fn cmake(python: &Path, folder: &Path) -> Result<PathBuf> {
    if is_there("cmake") {
        return Ok("cmake".into());
    }
    let tools = folder.join("tools");
    fs::write(folder.join("cmake.txt"), CMAKE)?;
    let install = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", "cmake.txt"];
    run(pip(python, folder).args(install).arg("--target").arg(&tools))?;
    Ok(tools.join("cmake/data/bin/cmake"))
}

fn is_there(program: impl AsRef<OsStr>) -> bool {
    matches!(process::watch(Command::new(program).arg("--version")), Ok(Some(_)))
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}
