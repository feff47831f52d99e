//! One call into the command line.

fn main() -> std::process::ExitCode {
    drive::cli::main()
}
