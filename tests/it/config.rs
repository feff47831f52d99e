//! Settings, as someone meets them who starts the program.

use crate::harness::child::{ChildDrive, run};
use crate::harness::folder;

/// The program's standard output, or what it said to standard error when it failed.
fn drive(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let output = run(arguments, environment, "");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn drive_config_shows_each_setting_and_where_it_came_from() {
    let folder = folder();
    let file = folder.path().join("my.toml");
    std::fs::write(&file, "[uploads]\nstale_hours = 5\npaused_days = 3\n[pool]\nname = \"mine\"\n")
        .unwrap();
    let file = file.to_str().unwrap();
    let environment = [
        ("UPLOAD_STALE_THRESHOLD_HOURS", "6"),
        ("DRIVE_SERVER_LISTEN", "127.0.0.1:2"),
        ("LOG_LEVEL", "X.Y:Debug"),
    ];
    let shown =
        drive(&["config", "--config", file, "--listen", "127.0.0.1:3"], &environment).unwrap();
    let line = |setting: &str| {
        let found = shown
            .lines()
            .find(|line| line.starts_with(setting))
            .unwrap_or_else(|| panic!("{setting}: {shown}"));
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("listen ="), "listen = \"127.0.0.1:3\" # --listen");
    assert_eq!(line("stale_hours ="), "stale_hours = 6 # UPLOAD_STALE_THRESHOLD_HOURS");
    assert_eq!(line("paused_days ="), format!("paused_days = 3 # {file}"));
    assert_eq!(line("name ="), format!("name = \"mine\" # {file}"));
    assert_eq!(line("level ="), "level = \"debug\" # LOG_LEVEL");
    assert_eq!(line("cache_minutes ="), "cache_minutes = 30 # default");
    // What it shows is itself a settings file.
    let shown_file = folder.path().join("shown.toml");
    std::fs::write(&shown_file, &shown).unwrap();
    let again = drive(&["config", "--config", shown_file.to_str().unwrap()], &[]).unwrap();
    assert!(again.contains("stale_hours = 6") && again.contains("127.0.0.1:3"), "{again}");
}

#[test]
fn what_is_unknown_or_wrong_stops_the_start_and_is_named() {
    let folder = folder();
    let file = folder.path().join("wrong.toml");
    let data_dir = folder.path().join("data");
    let start = |text: &str, environment: &[(&str, &str)], flags: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let own =
            ["serve", "--data-dir", data_dir.to_str().unwrap(), "--config", file.to_str().unwrap()];
        drive(&[&own, flags].concat(), environment).expect_err("the start must fail")
    };
    for (text, named) in [
        ("[server]\nlisen = \"127.0.0.1:0\"\n", "server.lisen"),
        ("[sever]\nlisten = \"127.0.0.1:0\"\n", "sever.listen"),
        ("listen = \"127.0.0.1:0\"\n", "listen"),
        ("[server]\nworkers = \"many\"\n", "server.workers"),
        ("[server]\nlisten = \"nowhere\"\n", "server.listen"),
        ("[pool]\nrequire_role = \"king\"\n", "pool.require_role"),
        ("[uploads]\nmax_chunk_size = 70000\n", "uploads.max_chunk_size"),
        ("[uploads]\nstale_hours = 0\n", "uploads.stale_hours"),
        ("[server]\ncontent_url = \"files.example\"\n", "server.content_url"),
        ("[server]\ncontent_url = \"https://files.example/x\"\n", "server.content_url"),
        (
            "[server]\npublic_url = \"https://a.example\"\ncontent_url = \"https://a.example:1\"\n",
            "server.content_url",
        ),
        ("[server\n", "wrong.toml"),
    ] {
        let said = start(text, &[], &[]);
        assert!(said.contains(named), "{text}: {said}");
    }
    for (name, value) in [
        ("DRIVE_SERVER_LISEN", "127.0.0.1:0"),
        ("DRIVE_NONSENSE", "1"),
        ("DRIVE_SERVER_WORKERS", "many"),
        ("STORAGE_PREFERRED_REMOTE", "not-a-uuid"),
        ("UPLOAD_MAX_CHUNK_SIZE", "5 MB"),
    ] {
        let said = start("", &[(name, value)], &[]);
        let key = if name == "STORAGE_PREFERRED_REMOTE" { "preferred_pool" } else { name };
        assert!(said.contains(key), "{name}: {said}");
    }
    assert!(start("", &[], &["--lisen", "127.0.0.1:0"]).contains("--lisen"));
    assert!(start("", &[], &["--listen", "localhost"]).contains("server.listen"));
    assert!(start("", &[], &["--config", "/nowhere/at/all.toml"]).contains("--config"));
    assert!(!data_dir.exists(), "nothing is made before the settings are right");
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_tls() {
    let folder = folder();
    let data_dir = folder.path().to_str().unwrap();
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let said = drive(&["--data-dir", data_dir, "--listen", listen], &[]).unwrap_err();
        assert!(
            said.contains("server.listen")
                && said.contains("TLS")
                && said.contains("insecure_http"),
            "{said}"
        );
    }
    // Where somebody takes that upon himself, it is done.
    let drive = ChildDrive::start(folder.path(), &[("DRIVE_SERVER_INSECURE_HTTP", "true")]);
    drop(drive);
}

#[test]
fn the_help_tells_commands_flags_and_sources() {
    let help = drive(&["--help"], &[]).unwrap();
    for word in [
        "--data-dir",
        "--listen",
        "--config",
        "--log-level",
        "serve",
        "account",
        "config",
        "environment",
    ] {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
    assert!(drive(&["--version"], &[]).unwrap().contains(env!("CARGO_PKG_VERSION")));
    assert!(drive(&["dance"], &[]).unwrap_err().contains("dance"));
}

#[tokio::test]
async fn a_second_server_on_one_data_directory_is_refused_and_harms_nothing() {
    let folder = folder();
    let first = ChildDrive::start(folder.path(), &[]);
    let said =
        drive(&["--data-dir", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0"], &[])
            .unwrap_err();
    assert!(said.contains("in use by another Drive"), "{said}");
    let mut client = first.nobody();
    client.set_up(first.setup_code.as_deref().unwrap(), "ada").await;
    client.upload("a.bin", b"still here", serde_json::json!({})).await;
    assert_eq!(first.stop(), Some(0));
    // The folder is free again with the end of the first.
    ChildDrive::start(folder.path(), &[]);
}

#[test]
fn an_address_in_use_is_refused_in_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder();
    let said = drive(&["--data-dir", folder.path().to_str().unwrap(), "--listen", &address], &[])
        .unwrap_err();
    assert!(said.contains(&address) && said.contains("Cannot listen"), "{said}");
}

#[tokio::test]
async fn the_folders_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let data_dir = folder.path().join("data");
    let drive = ChildDrive::start(&data_dir, &[]);
    let mut client = drive.nobody();
    client.set_up(drive.setup_code.as_deref().unwrap(), "ada").await;
    client.upload("a.bin", b"private", serde_json::json!({})).await;
    client.create("open.bin", 10, serde_json::json!({})).await.ok();
    let mut left = vec![data_dir];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        seen += 1;
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 265, "database, secrets, pool and uploads: {seen}");
}

#[test]
fn what_is_wrong_of_a_bucket_is_named() {
    let folder = folder();
    let file = folder.path().join("pools.toml");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "aws_access_key_id = only\n").unwrap();
    let keys = format!("credentials_file = {:?}\n", keys.display().to_string());
    let data_dir = folder.path().join("data");
    let start = |rest: &str| {
        let text =
            format!("[[pool]]\nname = \"one\"\n[[pool]]\nname = \"two\"\nbackend = \"s3\"\n{rest}");
        std::fs::write(&file, text).unwrap();
        let arguments =
            ["serve", "--data-dir", data_dir.to_str().unwrap(), "--config", file.to_str().unwrap()];
        // The environment of the tests may have a key.
        let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
        drive(&arguments, &none).expect_err("the start must fail")
    };
    let lan = "bucket = \"b\"\nendpoint = \"http://127.0.0.1:9\"\nallow_http = true\n";
    for (rest, named) in [
        ("", "pool2.bucket"),
        ("bucket = \"a/b\"\n", "pool2.bucket"),
        ("bucket = \"b\"\nendpoint = \"nas:9000\"\n", "pool2.endpoint"),
        ("bucket = \"b\"\nendpoint = \"https://nas/x\"\n", "pool2.endpoint"),
        ("bucket = \"b\"\nendpoint = \"https://me:secret@nas\"\n", "pool2.endpoint"),
        ("bucket = \"b\"\nendpoint = \"http://127.0.0.1:9\"\n", "allow_http"),
        ("bucket = \"b\"\nregion = \"\"\n", "pool2.region"),
        ("bucket = \"b\"\nprefix = \"a b\"\n", "pool2.prefix"),
        ("bucket = \"b\"\npath = \"/srv\"\n", "pool2.path"),
        ("bucket = \"b\"\ncredentials_file = \"/nowhere/keys\"\n", "pool2.credentials_file"),
        (lan, "pool2.credentials_file"),
        (&format!("{lan}{keys}"), "pool2.credentials_file"),
    ] {
        let said = start(rest);
        assert!(said.contains(named) && !said.contains("panicked"), "{rest}: {said}");
        assert!(!said.contains("me:secret"), "{said}");
    }
    let open = lan.replace("127.0.0.1", "1.1.1.1");
    let said = start(&format!("{open}{keys}"));
    assert!(said.contains("this machine and its network"), "{said}");
    std::fs::write(&file, "[pool]\nbackend = \"ftp\"\n").unwrap();
    let said = drive(&["config", "--config", file.to_str().unwrap()], &[]);
    assert!(said.is_err_and(|said| said.contains("pool.backend")));
}
