//! Programs that show what Tancho is for: `cargo run --release -p tancho-examples --bin basics`, `functions`, `digits`.
