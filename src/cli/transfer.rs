//! `drive import` and `drive export`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::say;
use crate::app::transfer;
use crate::config::Config;
use crate::domain::error::{Error, Kind, Result};
use crate::domain::transfer::{Export, Import, Tally, Told, Way};

/// Time between two lines of progress.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_LOG: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct ImportArgs {
    /// The folder whose content comes in
    dir: PathBuf,
    /// The account that gets the files
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The folder in the drive that they go into
    #[arg(long, value_name = "/FOLDER", default_value = "/")]
    folder: String,
    /// The pool, by its name; else the preferred one
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    #[command(flatten)]
    way: WayArgs,
}

#[derive(Args)]
pub struct ExportArgs {
    /// The folder to write into; it is made where there is none
    dir: PathBuf,
    /// The account whose files go out
    #[arg(long, value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    account: Option<String>,
    /// All accounts, each into a folder of its name
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    way: WayArgs,
}

/// Without one of these, bytes are shared where the file system can (reflink), else copied.
#[derive(Args)]
#[group(multiple = false)]
struct WayArgs {
    /// Give the same bytes a second name (hard link) where possible. DANGER: it stays one file. Whoever changes one
    /// changes the other, and Drive's hashes are wrong from then on. Only for trees that nobody changes any more.
    #[arg(long)]
    link: bool,
    /// Share the bytes (reflink), and stop where the file system cannot. A later change of one is not seen in the other.
    #[arg(long)]
    reflink: bool,
    /// Always copy
    #[arg(long)]
    copy: bool,
}

impl WayArgs {
    fn way(&self) -> Way {
        match (self.link, self.reflink, self.copy) {
            (true, ..) => Way::Link,
            (_, true, _) => Way::Reflink,
            (.., true) => Way::Copy,
            _ => Way::Best,
        }
    }
}

pub(super) fn import(config: &Config, args: &ImportArgs) -> Result<()> {
    let wish = Import {
        source: args.dir.clone(),
        account: args.account.clone(),
        folder: args.folder.clone(),
        pool: args.pool.clone(),
        way: args.way.way(),
    };
    tell("brought in", |told| transfer::import(config, &wish, told))
}

pub(super) fn export(config: &Config, args: &ExportArgs) -> Result<()> {
    let wish = Export {
        target: args.dir.clone(),
        account: args.account.clone().filter(|_| !args.all),
        way: args.way.way(),
    };
    tell("written", |told| transfer::export(config, &wish, told))
}

/// Does the work with a line of progress on standard error, and says at the end what was done.
fn tell(done: &str, work: impl FnOnce(&mut dyn FnMut(Told<'_>)) -> Result<Tally>) -> Result<()> {
    let (mut said, mut last) = (Instant::now(), Tally::default());
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { ON_TERMINAL } else { IN_LOG };
    let mut told = |told: Told<'_>| match told {
        Told::Progress(tally) => {
            last = *tally;
            if said.elapsed() >= every {
                said = Instant::now();
                line(terminal, &sentence(done, tally));
            }
        }
        Told::LeftOut(path, why) => {
            line(false, &format!("left out: {}: {why}", shown(path)));
        }
        Told::Note(path, what) => line(false, &format!("{}: {what}", shown(path))),
    };
    let outcome = work(&mut told);
    if terminal {
        line(true, "");
    }
    let tally = *outcome.as_ref().unwrap_or(&last);
    say(&mut std::io::stdout(), &sentence(done, &tally));
    outcome?;
    match tally.left_out {
        0 => Ok(()),
        count => {
            let message = format!("{count} files or folders were left out; they are named above.");
            Err(Error::new(Kind::Conflict, message))
        }
    }
}

fn sentence(done: &str, tally: &Tally) -> String {
    let Tally { files, bytes, there, symlinks, special, left_out } = tally;
    let mut text = format!("{files} files ({bytes} bytes) {done}, {there} were there already");
    for (count, what) in [
        (symlinks, "symbolic links not followed"),
        (special, "special files passed over"),
        (left_out, "left out"),
    ] {
        if *count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// A path for a terminal: whatever a name holds, it writes no line and sends no command.
fn shown(path: &Path) -> String {
    path.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

/// A line on standard error; on a terminal it may be written over by the next.
fn line(over: bool, text: &str) {
    let mut out = std::io::stderr();
    // A closed pipe is nobody's error here.
    let _ = match over {
        true => write!(out, "\r\x1b[K{text}"),
        false => writeln!(out, "{text}"),
    };
    let _ = out.flush();
}
