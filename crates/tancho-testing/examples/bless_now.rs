fn main() {
    let mut commands = tancho_testing::filetest::text_commands();
    commands.extend(tancho_testing::pass_commands::pass_commands());
    match tancho_testing::filetest::run_directory("tests/filetests".as_ref(), &commands) {
        Ok(count) => println!("{count} files"),
        Err(e) => println!("{e}"),
    }
}
