//! Archives that were cut short, changed or made up never do more than fail.
