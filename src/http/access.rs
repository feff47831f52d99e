//! What each route asks of its caller, in columns of one table: who may use it, how often, and what the audit log calls it.

use crate::domain::account::{Caller, Role, Scope};
use crate::domain::error::Result;

/// One line of the route table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    /// The path below its prefix, with placeholders.
    pub pattern: &'static str,
    pub access: Access,
    pub class: Class,
    /// What the audit log calls its use; empty where it is not kept.
    pub action: &'static str,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// Signed in, with this role at least, and where it is a token, with this scope.
    Signed(Role, Option<Scope>),
}

pub const PUBLIC: Access = Access::Public;
pub const ANYONE: Access = Access::Signed(Role::Guest, None);
pub const OWN: Access = Access::Signed(Role::Guest, Some(Scope::Own));
pub const FILES_READ: Access = Access::Signed(Role::Guest, Some(Scope::FilesRead));
pub const FILES_WRITE: Access = Access::Signed(Role::User, Some(Scope::FilesWrite));
pub const TASKS_READ: Access = Access::Signed(Role::Guest, Some(Scope::Tasks));
pub const TASKS: Access = Access::Signed(Role::User, Some(Scope::Tasks));
pub const ADMIN: Access = Access::Signed(Role::Admin, Some(Scope::Admin));

impl Access {
    pub fn admit(self, caller: &Caller) -> Result<()> {
        match self {
            Self::Public => Ok(()),
            Self::Signed(least, scope) => caller.must(least, scope),
        }
    }
}

/// Requests that share a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Login,
    Create,
    Chunk,
    Write,
    Read,
    Events,
}

/// Makes a table of routes and the function that registers them. A route without all its columns does not compile.
macro_rules! routes {
    ($(#[$doc:meta])* pub const $table:ident, fn $register:ident {
        $($method:ident $pattern:literal $access:ident $class:ident $action:literal => $handler:expr;)*
    }) => {
        $(#[$doc])*
        pub const $table: &[access::Route] = &[$(access::Route {
            method: stringify!($method),
            pattern: $pattern,
            access: access::$access,
            class: access::Class::$class,
            action: $action,
        }),*];

        fn $register(config: &mut web::ServiceConfig) {
            $(config.route($pattern, web::method(Method::$method).to($handler));)*
        }
    };
}
