//! The command line. `drive` alone means `drive serve`.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::{App, open_store};
use crate::clock::Clock;
use crate::config::merged::Merged;
use crate::config::{Config, Flags};
use crate::domain::account::{Account, Role, Scopes, check_password, parse_name};
use crate::domain::error::{Error, Result};
use crate::domain::id::AccountId;
use crate::domain::time::DAY_MS;
use crate::http::tokens::{hash_password, new_token};
use crate::store::accounts::{self, Change, NewAccount};
use crate::store::audit::{self, Entry, Verdict};
use crate::store::sessions::{self, NewToken};
use crate::store::{Listener, Store, Tx};
use crate::telemetry;

mod transfer;

/// A self-hosted file drive whose uploads and long jobs survive anything.
#[derive(Parser)]
#[command(name = "drive", version, about, propagate_version = true)]
#[command(
    after_help = "Settings come from flags, the environment (DRIVE_SECTION_KEY), the file of --config, and the \
    defaults, in this order. `drive config` shows them all."
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server (this is what `drive` alone does)
    Serve,
    /// Make and mend accounts, also while the server runs
    #[command(subcommand)]
    Account(AccountCommand),
    /// Make tokens for programs
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look after the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Bring a folder tree of this machine into the drive, while the server is stopped
    ///
    /// What is there already (same folder, name, size and time of change, or hash) is passed over, so an interrupted import
    /// is simply begun again. Symbolic links are not followed.
    Import(transfer::ImportArgs),
    /// Write files out as a plain tree with a list of their hashes, SHA256SUMS
    ///
    /// Nothing that is there with other bytes is replaced; an interrupted export is simply begun again. The trash stays
    /// where it is. Encrypted files go out as they are stored: NAME.age with its key NAME.key.age; `age -d -i NAME.key.age
    /// NAME.age` asks for the password. It works while the server runs, too.
    Export(transfer::ExportArgs),
    /// Show all settings and where each came from
    Config,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token of an account and print it, once
    Create {
        /// The account
        name: String,
        /// What the token is for
        #[arg(long, default_value = "command line")]
        label: String,
        /// What it may do: files:read, files:write, tasks, admin (may be given several times)
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Days until it ends
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Compute the chain of the log anew and tell whether a row was changed or taken away
    Verify,
}

#[derive(Subcommand)]
enum AccountCommand {
    /// Make an account
    Add {
        name: String,
        /// What it may do: admin, user, guest
        #[arg(long, default_value = "user", value_parser = ["admin", "user", "guest"])]
        role: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Show all accounts
    List,
    /// Set a new password and end all sign-ins of the account
    Passwd {
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Lock an account out
    Disable { name: String },
    /// Count the bytes of all accounts anew, and mend what was counted wrongly
    Recount,
}

#[derive(Args)]
struct PasswordFrom {
    /// Read the password from standard input, up to the end of its first line
    #[arg(long, required = true)]
    password_stdin: bool,
}

/// Runs the command line; errors go to standard error in a sentence.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("drive: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(to: &mut impl std::io::Write, line: &str) {
    // A closed pipe is nobody's error here.
    let _ = writeln!(to, "{line}");
    let _ = to.flush();
}

fn run(cli: &Cli) -> Result<()> {
    let merged = Merged::read(&cli.flags, std::env::vars())?;
    let config = merged.build()?;
    telemetry::start(&config.log.level)?;
    // Files of this server are for its user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match &cli.command {
        None | Some(Command::Serve) => serve(&config),
        Some(Command::Config) => {
            say(&mut std::io::stdout(), merged.describe().trim_end());
            Ok(())
        }
        Some(Command::Import(args)) => transfer::import(&config, args),
        Some(Command::Export(args)) => transfer::export(&config, args),
        Some(Command::Account(command)) => {
            beside(&config, |store| account(command, &config, store))
        }
        Some(Command::Token(command)) => beside(&config, |store| token(command, store)),
        Some(Command::Audit(AuditCommand::Verify)) => beside(&config, verify_audit),
    }
}

/// Works on the database, perhaps beside a running server.
fn beside(config: &Config, work: impl FnOnce(&Store) -> Result<()>) -> Result<()> {
    let store = open_store(config, Clock::default(), Listener::none())?;
    let outcome = work(&store);
    store.close();
    outcome
}

fn token(command: &TokenCommand, store: &Store) -> Result<()> {
    let TokenCommand::Create { name, label, scopes, days } = command;
    let scopes = Scopes::parse(scopes.iter().map(String::as_str))?;
    let (text, hash) = new_token()?;
    let (name, label, days) = (name.clone(), label.clone(), *days);
    store.write_now(move |tx| {
        let account = find(tx, &name)?;
        let new = NewToken {
            account_id: account.id,
            name: label,
            scopes,
            hash,
            address: "command line".to_owned(),
            expires_at: tx.now.plus_ms(days * DAY_MS),
        };
        sessions::insert_token(tx, &new)?;
        audit::append(tx, &Entry::by_command("token.create", &account.id.to_string()))
    })?;
    say(&mut std::io::stdout(), &text);
    Ok(())
}

fn verify_audit(store: &Store) -> Result<()> {
    match store.read_now(audit::verify)? {
        Verdict::Whole { rows, last } => {
            say(
                &mut std::io::stdout(),
                &format!("The audit log is whole: {rows} rows, the last hash is {last}."),
            );
            Ok(())
        }
        Verdict::Broken { seq } => Err(Error::invalid(
            "audit",
            format!(
                "The audit log is broken: row {seq}, or one before it, was changed or taken away."
            ),
        )),
    }
}

/// The name of this machine in its network.
fn machine_name() -> String {
    match rustix::system::uname().nodename().to_string_lossy().into_owned() {
        name if name.is_empty() => "localhost".to_owned(),
        name => name,
    }
}

fn serve(config: &Config) -> Result<()> {
    let app = App::open(config, Clock::default())?;
    tracing::info!(data_dir = %config.server.data_dir.display(), last_stop = ?app.last_stop, "opened");
    let (setup_code, self_signed) = (app.setup_code.clone(), app.self_signed.clone());
    let greet = |address: SocketAddr| {
        let url = match config.server.public_url.as_str() {
            "" => {
                let scheme = if config.tls.is_on() { "https" } else { "http" };
                match address.ip().is_unspecified() {
                    true => format!("{scheme}://{}:{}", machine_name(), address.port()),
                    false => format!("{scheme}://{address}"),
                }
            }
            url => url.trim_end_matches('/').to_owned(),
        };
        let mut out = std::io::stdout();
        say(&mut out, &format!("Drive is ready at {url}"));
        if let Some(fingerprint) = &self_signed {
            say(
                &mut out,
                "The certificate is of its own making; browsers will warn. Compare its SHA-256 fingerprint:",
            );
            say(&mut out, fingerprint);
        }
        if config.server.insecure_http && !config.tls.is_on() {
            say(
                &mut out,
                "Plain http is allowed on every address: passwords and files cross the network in clear.",
            );
        }
        match &setup_code {
            Some(code) => {
                say(&mut out, &format!("First sign-in: {url}/#setup={code}"));
                say(&mut out, "Open this link to make the first administrator; it works once.");
            }
            None => say(
                &mut out,
                "Sign in with your account; `drive account passwd NAME --password-stdin` sets a new password.",
            ),
        }
    };
    app.run(stop_signal, greet)?;
    tracing::info!("stopped");
    Ok(())
}

/// Listens for Ctrl-C and SIGTERM from now on; resolves when one of them comes.
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [interrupted, terminated] = signals.map(|signal| async move {
            match signal {
                Ok(mut signal) => drop(signal.recv().await),
                // Without a handler the signal ends the process by itself.
                Err(_) => std::future::pending().await,
            }
        });
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
}

fn account(command: &AccountCommand, config: &Config, store: &Store) -> Result<()> {
    let mut out = std::io::stdout();
    match command {
        AccountCommand::Add { name, role, .. } => {
            let new = NewAccount {
                name: parse_name(name)?,
                role: Role::parse(role)?,
                password_hash: hash_password(&read_password()?)?,
                quota_bytes: config.default_quota(),
            };
            let id = store.write_now(move |tx| {
                let id = accounts::insert(tx, &new)?;
                audit::append(tx, &Entry::by_command("account.create", &id.to_string()))?;
                Ok(id)
            })?;
            say(&mut out, &format!("Made the account {name} ({role}), id {id}."));
        }
        AccountCommand::List => {
            for account in store.read_now(|db| accounts::list(db, Clock::default().now()))? {
                let state = if account.disabled { "disabled" } else { "" };
                let line = format!(
                    "{:<24} {:<6} {:>16} bytes {state}",
                    account.name,
                    account.role.name(),
                    account.quota.used
                );
                say(&mut out, line.trim_end());
            }
        }
        AccountCommand::Passwd { name, .. } => {
            let hash = hash_password(&read_password()?)?;
            let work = move |tx: &Tx<'_>, id| accounts::set_password(tx, id, &hash);
            change(store, name, "account.password", work)?;
            say(&mut out, &format!("{name} has a new password; all its sign-ins have ended."));
        }
        AccountCommand::Recount => {
            let mended = store.write_now(accounts::recount)?;
            let what = if mended.len() == 1 { "account was" } else { "accounts were" };
            say(&mut out, &format!("{} {what} counted wrongly and mended.", mended.len()));
        }
        AccountCommand::Disable { name } => {
            let off = Change { disabled: Some(true), ..Change::default() };
            let work = move |tx: &Tx<'_>, id| accounts::change(tx, id, &off).map(|_| ());
            change(store, name, "account.change", work)?;
            say(&mut out, &format!("{name} is disabled; all its sign-ins have ended."));
        }
    }
    Ok(())
}

/// Changes an account and ends its sessions in one transaction.
fn change(
    store: &Store,
    name: &str,
    action: &'static str,
    work: impl FnOnce(&Tx<'_>, AccountId) -> Result<()> + Send + 'static,
) -> Result<()> {
    let name = name.to_owned();
    store.write_now(move |tx| {
        let account = find(tx, &name)?;
        work(tx, account.id)?;
        sessions::revoke_all(tx, account.id)?;
        audit::append(tx, &Entry::by_command(action, &account.id.to_string()))
    })
}

fn find(tx: &Tx<'_>, name: &str) -> Result<Account> {
    let found = accounts::find(tx.connection, name, tx.now)?;
    let missing = || Error::invalid("name", format!("There is no account {name}."));
    found.map(|(account, _)| account).ok_or_else(missing)
}

/// The first line of standard input.
fn read_password() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|error| Error::invalid("password", format!("reading the password: {error}")))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    check_password(&password)?;
    Ok(password)
}
