//! A project: the folder with `secrets.toml`, its members and its environments.

mod config;
mod discover;
mod edit;
pub mod foreign;
mod parse;
mod raw;
mod rules;
mod team;
mod template;
pub mod trust;

pub use config::Environment;
pub use config::Project;
pub use config::Referenced;
pub use config::ValueSpec;
pub use discover::FILE_NAME;
pub use discover::discover;
pub use discover::find_home;
pub use discover::is_team_only;
pub use discover::load;
pub use discover::parse;
pub use discover::parse_with_home;
pub use discover::text;
pub use edit::Settings;
pub use parse::Declared;
pub use parse::check_word;
pub use parse::declared_in;
pub use raw::Expose;
pub use raw::MemberKind;
pub use team::Former;
pub use team::Member;
pub use template::SOPS_YAML;
pub use template::is_our_sops_yaml;
pub use template::new_project;
pub use template::sops_yaml;
pub use trust::Trust;
