//! All scenes in one binary: given files, one command, what is seen. A file per command, with its name.

mod access;
mod bad_input;
mod check;
mod decrypt;
mod edit;
mod encrypt;
mod export;
mod get;
mod git;
mod globals;
mod identity;
mod import;
mod init;
mod keychain;
mod leaks;
mod list;
mod member;
mod run;
mod sandbox;
mod set;
mod shells;
mod status;
mod team;
mod trust;
mod unset;

#[test]
fn no_file_of_this_folder_is_forgotten() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else { continue };
        assert!(listed.contains(&format!("\nmod {module};\n")), "tests/it/{name} is not listed in main.rs");
    }
}
