//! What an account is told about while it is away, and by which ways.

use super::error::{Error, Result};
use super::task::Status;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident($field:literal) { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word on the wire and in rows.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub fn parse(text: &str) -> Result<Self> {
                let found = Self::ALL.iter().copied().find(|value| value.name() == text);
                found.ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.name()).collect();
                    Error::invalid($field, format!("{} is one of {}.", $field, known.join(", ")))
                })
            }
        }
    };
}

words! {
    /// What happened.
    Subject("event") {
        TaskFailed = "task.failed",
        TaskCompleted = "task.completed",
        FileShared = "file.shared",
        /// A webhook that failed too often is off now.
        WebhookDisabled = "webhook.disabled",
        /// Asked for by its owner, to see whether it arrives.
        Test = "test",
        /// What each account uses, for the operator's books.
        Usage = "usage",
    }
}

words! {
    /// A way to tell.
    Channel("channel") {
        /// The list of notifications, and the event of live clients.
        Stored = "stored",
        Push = "push",
        Webhook = "webhook",
    }
}

words! {
    /// When a way is used.
    Choice("choice") {
        Always = "always",
        /// Only of what took longer than a minute while nobody was looking.
        Long = "long",
        Never = "never",
    }
}

words! {
    /// How the receiver of a webhook wants to be told.
    Format("format") {
        /// JSON with a signature.
        Generic = "generic",
        /// <https://docs.ntfy.sh/publish/#publish-as-json>
        Ntfy = "ntfy",
        /// <https://gotify.net/docs/pushmsg>
        Gotify = "gotify",
    }
}

impl Subject {
    /// Those an account chooses ways for.
    pub const CHOSEN: [Self; 3] = [Self::TaskFailed, Self::TaskCompleted, Self::FileShared];

    /// What the end of a task is to its account; `None` where nobody needs to be told.
    pub fn of_end(status: Status) -> Option<Self> {
        match status {
            Status::Failed => Some(Self::TaskFailed),
            Status::Completed => Some(Self::TaskCompleted),
            _ => None,
        }
    }

    /// What an account gets that never chose. A webhook names its events itself.
    pub fn default_choice(self, channel: Channel) -> Choice {
        match (self, channel) {
            (Self::TaskCompleted, Channel::Stored | Channel::Push) => Choice::Long,
            _ => Choice::Always,
        }
    }
}

impl Choice {
    /// Is this way used? `missed`: it took longer than a minute, and nobody was looking when it ended.
    pub fn admits(self, missed: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Long => missed,
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_and_a_cancelled_task_never() {
        assert!(Choice::Long.admits(true) && !Choice::Long.admits(false));
        assert!(!Choice::Never.admits(true) && Choice::Always.admits(false));
        for status in [Status::Cancelled, Status::Expired, Status::Paused, Status::InProgress] {
            assert_eq!(Subject::of_end(status), None);
        }
        assert_eq!(Subject::TaskCompleted.default_choice(Channel::Push), Choice::Long);
        assert_eq!(Subject::TaskFailed.default_choice(Channel::Stored), Choice::Always);
    }

    #[test]
    fn words_come_back_and_others_are_refused() {
        for subject in Subject::ALL {
            assert_eq!(Subject::parse(subject.name()).unwrap(), *subject);
        }
        assert!(Format::parse("slack").unwrap_err().message().contains("generic, ntfy, gotify"));
    }
}
