//! Programs that show what Tancho is for: `cargo run --release -p tancho-examples --bin basics`, `functions`, `digits`.

use std::path::PathBuf;

/// Where a program puts its plots and files: the folder that it is given, or `plots`.
pub fn plots_folder() -> PathBuf {
    std::env::args_os().nth(1).map_or_else(|| PathBuf::from("plots"), PathBuf::from)
}
