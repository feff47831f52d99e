//! Functions of the program's own that statements and triggers may call.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::domain::search;

pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("natural_key", 1, flags, |context| {
        Ok(search::natural_key(context.get_raw(0).as_str()?))
    })?;
    connection.create_scalar_function("search_text", 5, flags, |context| {
        let text = |at: usize| context.get_raw(at).as_str();
        let trashed = context.get::<bool>(1)?;
        Ok(search::text(text(0)?, trashed, text(2)?, text(3)?, text(4)?))
    })
}
