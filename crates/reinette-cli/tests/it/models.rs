//! `setup` and `models`.

use crate::program::{home, reinette, run, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The default model's file and its size, as `models.toml` has them.
const DEFAULT_FILE: &str = "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf";
const DEFAULT_BYTES: usize = 491_400_064;

fn models_folder(home: &Path) -> PathBuf {
    home.join(".local/share/reinette/models")
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A hub that sends the beginning of every file and goes silent.
fn silent_hub(sent_bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut stream = connection.unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            request.lines().map_while(Result::ok).find(String::is_empty);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {DEFAULT_BYTES}\r\n\r\n").unwrap();
            stream.write_all(&vec![7; sent_bytes]).unwrap();
            thread::sleep(Duration::from_mins(2));
        }
    });
    address
}

#[test]
fn the_list_names_what_can_be_fetched() {
    let home = home();
    let models = records(&stdout(&run(home.path(), &["--json", "models", "list"])));
    let names: Vec<&str> = models.iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["qwen2.5-coder-0.5b", "smollm2-135m", "qwen2.5-coder-1.5b", "gemma3-270m"]);
    for model in &models {
        assert_eq!((&model["type"], &model["installed"]), (&"model".into(), &false.into()));
    }
    assert_eq!(models[0]["role"], "embedded");
    let text = stdout(&run(home.path(), &["models", "list"]));
    assert!(text.contains("not fetched") && text.contains("Apache-2.0"), "{text}");
}

#[test]
fn a_users_own_model_is_added_listed_verified_and_removed() {
    let home = home();
    let file = home.path().join("pear.gguf");
    fs::write(&file, "GGUF and more").unwrap();
    let file = file.to_str().unwrap();

    let added = stdout(&run(home.path(), &["models", "add", file, "--name", "fruit"]));
    let stored = models_folder(home.path()).join("fruit.gguf");
    assert_eq!(added, format!("Added fruit: {}\n", stored.display()));
    assert_eq!(fs::read_to_string(&stored).unwrap(), "GGUF and more");

    let listed = records(&stdout(&run(home.path(), &["--json", "models", "list"])));
    assert_eq!((&listed[0]["name"], &listed[0]["installed"]), (&"fruit".into(), &true.into()));

    let verified = records(&stdout(&run(home.path(), &["--json", "models", "verify"])));
    assert_eq!((verified.len(), &verified[0]["state"]), (1, &"unknown".into()));

    let again = run(home.path(), &["models", "add", file, "--name", "fruit"]);
    assert!(stderr(&again).contains("there is a model called `fruit` already"));

    assert_eq!(stdout(&run(home.path(), &["models", "remove", "fruit"])), "Removed fruit\n");
    assert!(!stored.exists());
}

#[test]
fn damage_is_found_and_is_a_failure() {
    let home = home();
    fs::create_dir_all(models_folder(home.path())).unwrap();
    fs::write(models_folder(home.path()).join(DEFAULT_FILE), "GGUF cut off").unwrap();
    let output = run(home.path(), &["models", "verify", "qwen2.5-coder-0.5b"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout.clone()).unwrap().contains("damaged"));
    assert!(stderr(&output).starts_with("error: damaged: qwen2.5-coder-0.5b"), "{}", stderr(&output));
}

#[test]
fn damaged_caches_and_adapters_are_found_and_told_apart_from_old_ones() {
    let home = home();
    let cache = home.path().join(".cache/reinette");
    let files = [
        ("packed/a.packed", "reinpak2 and nothing more", "damaged"),
        ("packed/b.packed", "reinpak1 of an older version", "outdated"),
        ("prefixes/c.kv", "no snapshot", "damaged"),
    ];
    for (name, text, _) in files {
        fs::create_dir_all(cache.join(name).parent().unwrap()).unwrap();
        fs::write(cache.join(name), text).unwrap();
    }
    let output = run(home.path(), &["--json", "models", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`reinette cache clear` deletes them"), "{}", stderr(&output));
    let found = records(&String::from_utf8(output.stdout).unwrap());
    for (name, _, state) in files {
        let path = cache.join(name).display().to_string();
        assert!(found.iter().any(|file| file["path"] == path.as_str() && file["state"] == state), "{name}: {found:?}");
    }
    run(home.path(), &["cache", "clear"]);
    assert!(run(home.path(), &["models", "verify"]).status.success());

    let everyday = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/everyday");
    let adapter = home.path().join("adapter");
    fs::create_dir(&adapter).unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        fs::copy(everyday.join(name), adapter.join(name)).unwrap();
    }
    let verify = || run(home.path(), &["models", "verify", adapter.to_str().unwrap()]);
    assert!(verify().status.success());
    let mut weights = fs::read(adapter.join("adapter_model.safetensors")).unwrap();
    let last = weights.len() - 2;
    // Not a number, in half precision.
    weights[last..].copy_from_slice(&0x7e00_u16.to_le_bytes());
    fs::write(adapter.join("adapter_model.safetensors"), weights).unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("damaged adapters"), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("holds numbers that are none"));
}

#[test]
fn without_any_source_setup_says_what_each_one_said() {
    let home = home();
    // No server listens there, and there is no Python in an empty folder.
    let output =
        reinette(home.path()).args(["setup", "--hub", "http://127.0.0.1:9"]).env("PATH", home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("error: qwen2.5-coder-0.5b could not be fetched: the hub http://127.0.0.1:9: cannot be reached"),
        "{text}"
    );
    assert!(text.contains("hint: install Python 3 with pip"), "{text}");
    assert!(!text.contains('\x1b'), "no colours outside a terminal");
}

#[test]
fn fetching_runs_nothing_of_the_folder_that_the_user_is_in() {
    let (home, here) = (home(), home());
    let ran = here.path().join("ran");
    let program = format!("open({ran:?}, 'a').write(__file__ + '\\n')\n");
    for name in ["pip.py", "zipfile.py", "sitecustomize.py", "usercustomize.py", "json.py", "runpy.py", "platform.py"] {
        fs::write(here.path().join(name), &program).unwrap();
    }
    // The second is what `PYTHONPATH=$PYTHONPATH:` gives where there was none.
    for python_path in [None, Some(":"), Some(".")] {
        let mut command = reinette(home.path());
        command.args(["setup", "--hub", "http://127.0.0.1:9"]).current_dir(here.path());
        command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", home.path()).env_remove("PYTHONPATH");
        command.envs(python_path.map(|path| ("PYTHONPATH", path)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(fs::read_to_string(&ran).unwrap_or_default(), "", "{python_path:?}");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let home = home();
    let file = home.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let output = run(home.path(), &["--models", file.to_str().unwrap(), "setup"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("error: cannot create {}", file.display())), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn ctrl_c_during_setup_leaves_what_can_be_continued_and_nothing_else() {
    let home = home();
    let sent = 300_000;
    let mut child = reinette(home.path())
        .arg("setup")
        .env("REINETTE_HUB", silent_hub(sent))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let partial = models_folder(home.path()).join(".partial").join(DEFAULT_FILE);
    let whole = partial.join("whole");
    let has_arrived = || fs::metadata(&whole).is_ok_and(|metadata| metadata.len() == sent as u64);
    for _ in 0..600 {
        if has_arrived() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert!(has_arrived(), "the beginning arrives within 30 seconds");
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let text = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(text.contains("0 % of 491.40 MB"), "plain progress outside a terminal: {text}");
    assert!(text.contains("error: stopped") && text.contains("hint: the same command continues"), "{text}");
    assert!(has_arrived());
    let left: Vec<_> = fs::read_dir(&partial).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["whole"]);
}
