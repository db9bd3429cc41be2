//! What may enter an environment: names with which a file could run code or steer where a program talks.
//!
//! The lists and their reasons: `docs/names.md`.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::quoted_list;

use super::plan::Plan;
use super::plan::Row;
use super::plan::Selected;

/// What is known of a name that is not like any other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Danger {
    /// It can make programs run code, and ordinary `.env` files carry it: wants `runs_code` and a seal.
    Declared,
    /// It takes over a loader, a shell, git or `secrets` itself: never from a file.
    Never,
    /// It steers where a program talks: passes, with a warning where it is set.
    Warn,
}

/// Returns what is known of a name; `None` for a name like any other.
pub fn danger(name: &str) -> Option<Danger> {
    let candidates = by_first_letter().get(&first_letter(name)?)?;
    candidates.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, danger)| *danger)
}

type Candidates = Vec<(&'static str, Danger)>;

/// A plan of thousands of names would ask some 250 patterns for each.
fn by_first_letter() -> &'static HashMap<u8, Candidates> {
    static INDEX: OnceLock<HashMap<u8, Candidates>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index: HashMap<u8, Candidates> = HashMap::new();
        for (list, danger) in [(NEVER, Danger::Never), (DECLARED, Danger::Declared), (WARN, Danger::Warn)] {
            for pattern in list {
                let letter = first_letter(pattern).expect("no pattern in the lists is empty");
                index.entry(letter).or_default().push((pattern, danger));
            }
        }
        index
    })
}

fn first_letter(text: &str) -> Option<u8> {
    text.bytes().next().map(|byte| byte.to_ascii_uppercase())
}

/// Upper and lower case count, but for npm's names and the proxies', whose programs read them in any case.
fn fits(pattern: &str, name: &str) -> bool {
    let any_case = pattern.starts_with("NPM_CONFIG_") || pattern.ends_with("_PROXY");
    let upper = any_case.then(|| name.to_ascii_uppercase());
    crate::base::glob(pattern.as_bytes(), upper.as_deref().unwrap_or(name).as_bytes())
}

/// Why a name does not enter an environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    /// secrets.toml does not declare that it may run code.
    Undeclared,
    /// Never from a file or a store.
    Never,
    /// This machine has not accepted what secrets.toml declares.
    Unknown,
    /// Its file has no seal.
    Unsealed,
}

fn why_not(plan: &Plan, row: &Row, selected: Option<&Selected<'_>>) -> Option<Why> {
    let lets_pass = || selected.is_some_and(|selected| selected.trust.borrow().lets_pass(&row.name));
    let lets_run_code =
        || selected.is_some_and(|selected| selected.trust.borrow().lets_run_code(selected.project, &row.name));
    let layer = &plan.layers[row.layer];
    match danger(row.name.as_str()) {
        None | Some(Danger::Warn) => None,
        Some(_) if lets_pass() => None,
        Some(Danger::Never) => Some(Why::Never),
        // Set on this machine, by the person who starts the program.
        Some(Danger::Declared) if layer.is_personal() => None,
        Some(Danger::Declared) if !is_declared(&row.name, selected) => Some(Why::Undeclared),
        Some(Danger::Declared) if !lets_run_code() => Some(Why::Unknown),
        Some(Danger::Declared) => (!layer.is_covered()).then_some(Why::Unsealed),
    }
}

/// Returns the names of a plan that must not enter an environment, where the others may.
pub fn refused_names(plan: &Plan, selected: Option<&Selected<'_>>) -> Vec<Name> {
    plan.rows.iter().filter(|row| why_not(plan, row, selected).is_some()).map(|row| row.name.clone()).collect()
}

/// Refuses a plan that would let a file run code.
///
/// # Errors
/// `Kind::Refused` with all the names, and which of the conditions is missing.
pub(super) fn check(plan: &Plan, selected: Option<&Selected<'_>>) -> Result<()> {
    let found: Vec<(&str, Why)> =
        plan.rows.iter().filter_map(|row| Some((row.name.as_str(), why_not(plan, row, selected)?))).collect();
    let of = |why| found.iter().filter(|(_, found)| *found == why).map(|(name, _)| *name).collect::<Vec<_>>();
    let (never, undeclared, unknown, unsealed) =
        (of(Why::Never), of(Why::Undeclared), of(Why::Unknown), of(Why::Unsealed));
    if let Some(first) = never.first() {
        return Err(refused(&never, "a file or a store must not set", "")
            .because("with such a name it could take over the loader, the shell or `secrets` itself")
            .hint("remove it there, or leave it out with `--except`")
            .hint(format!("`secrets allow --name {first}` lets it pass, in this project on this machine")));
    }
    if !undeclared.is_empty() {
        let error = refused(&undeclared, "", "can make programs run code, and is not declared");
        let error = undeclared.iter().fold(error, |error, name| {
            error.hint(format!("if the project needs it, write into secrets.toml: [values.{name}] runs_code = true"))
        });
        return Err(error.hint("then `secrets allow` accepts it on this machine"));
    }
    if !unknown.is_empty() {
        return Err(refused(&unknown, "", "can make programs run code, and this machine has not accepted that")
            .because("secrets.toml declares it, and whoever can write to the repository can change secrets.toml")
            .hint("`secrets allow` accepts what secrets.toml says"));
    }
    if !unsealed.is_empty() {
        return Err(refused(&unsealed, "", "can make programs run code, and its file is not sealed")
            .because("without a seal anybody who can write to the repository could have put it there"));
    }
    Ok(())
}

fn refused(names: &[&str], before: &str, after: &str) -> Error {
    let names = quoted_list(names);
    Error::new(Kind::Refused, [before, &names, after].join(" ").trim())
}

fn is_declared(name: &Name, selected: Option<&Selected<'_>>) -> bool {
    selected.is_some_and(|selected| selected.project.value(name).runs_code)
}

const NEVER: &[&str] = &[
    "LD_*", "DYLD_*", "LIBPATH", "SHLIB_PATH", "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "PATH", "PATHEXT",
    "COMSPEC", "SHELL", "HOME", "USERPROFILE", "IFS", "ENV", "BASH_ENV", "BASH_FUNC_*", "SHELLOPTS", "BASHOPTS", "PS0",
    "PS1", "PS2", "PS4", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE", "ZDOTDIR", "FPATH", "NULLCMD", "READNULLCMD",
    "FISH_*", "fish_*", "PSModulePath", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_CONFIG*",
    "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_ASKPASS",
    "GIT_TEMPLATE_DIR", "GIT_DIR", "GIT_WORK_TREE", "SSH_ASKPASS", "SUDO_ASKPASS", "SUDO_EDITOR", "LESSOPEN",
    "LESSCLOSE", "VIMINIT", "EXINIT", "GVIMINIT", "EMACSLOADPATH", "NODE_REPL_EXTERNAL_MODULE", "PERL5DB", "RUBYSHELL",
    "DBUS_*_ADDRESS", "SECRETS_IDENTITY*", "SECRETS_TRUST", "SECRETS_ENV", "SECRETS_RUN", "SECRETS_CEILING",
    "SECRETS_HOOK_IDLE", "SECRETS_HOOK_OUTPUT", "__SECRETS", "__secrets_*", "SOPS_AGE_*", "SOPS_EDITOR",
    "SOPS_GPG_EXEC", "MAILPATH", "INPUTRC", "HISTFILE", "BASH_COMPLETION_*", "BASH_LOADABLES_PATH", "DIRENV_*",
    "STARSHIP_CONFIG", "MISE_CONFIG_FILE", "MISE_GLOBAL_CONFIG_FILE",
];

const DECLARED: &[&str] = &[
    "NODE_OPTIONS", "NODE_PATH", "NPM_CONFIG_SCRIPT_SHELL", "NPM_CONFIG_NODE_OPTIONS", "NPM_CONFIG_USERCONFIG",
    "NPM_CONFIG_GLOBALCONFIG", "NPM_CONFIG_PREFIX", "BUN_OPTIONS", "DENO_DIR", "PYTHONPATH", "PYTHONHOME",
    "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT", "PYTHONUSERBASE", "PYTHONWARNINGS", "PYTHONEXECUTABLE",
    "PIP_CONFIG_FILE", "PIP_TARGET", "UV_PYTHON", "UV_CONFIG_FILE", "VIRTUAL_ENV", "PERL5LIB", "PERL5OPT", "PERLLIB",
    "RUBYOPT", "RUBYLIB", "BUNDLE_GEMFILE", "BUNDLE_PATH", "GEM_HOME", "GEM_PATH", "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "JAVA_HOME", "MAVEN_OPTS", "MAVEN_ARGS", "GRADLE_OPTS",
    "GRADLE_USER_HOME", "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "CORECLR_*", "COR_*", "PHPRC",
    "PHP_INI_SCAN_DIR", "LUA_INIT*", "LUA_PATH*", "LUA_CPATH*", "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON",
    "R_ENVIRON_USER", "R_HOME", "ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ERL_LIBS", "ELIXIR_ERL_OPTIONS", "GOFLAGS",
    "GOPATH", "GOROOT", "GOENV", "GOTOOLCHAIN", "GOTOOLDIR", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO", "CARGO_HOME", "CARGO_BUILD_*", "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_*_RUNNER", "CARGO_TARGET_*_LINKER", "RUSTUP_HOME", "CC", "CXX", "CPP", "LD", "AR", "AS", "CFLAGS",
    "CXXFLAGS", "LDFLAGS", "MAKEFLAGS", "MAKEFILES", "MFLAGS", "CMAKE_TOOLCHAIN_FILE", "PKG_CONFIG", "PKG_CONFIG_PATH",
    "EDITOR", "VISUAL", "PAGER", "MANPAGER", "SYSTEMD_PAGER", "LESS", "BROWSER", "TMPDIR", "TMP", "TEMP", "MALLOC_*",
    "TERMINFO", "TERMINFO_DIRS", "TERMCAP", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "GTK_MODULES",
    "GTK_PATH", "QT_PLUGIN_PATH", "GIO_EXTRA_MODULES", "GST_PLUGIN_PATH", "VK_LAYER_PATH", "PGSYSCONFDIR", "PSQLRC",
    "PSQL_EDITOR", "PSQL_PAGER", "MYSQL_HOME", "ORACLE_HOME", "ANSIBLE_CONFIG", "ANSIBLE_LIBRARY", "TF_CLI_ARGS*",
    "TF_CLI_CONFIG_FILE", "KUBE_EDITOR", "HELM_PLUGINS", "HELM_DATA_HOME",
];

const WARN: &[&str] = &[
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",
    "NODE_TLS_REJECT_UNAUTHORIZED", "GIT_SSL_NO_VERIFY", "PYTHONHTTPSVERIFY", "SSLKEYLOGFILE", "RES_OPTIONS",
    "HOSTALIASES", "LOCALDOMAIN", "RESOLV_HOST_CONF", "KRB5_CONFIG", "KRB5CCNAME", "KUBECONFIG", "DOCKER_HOST",
    "DOCKER_CONFIG", "DOCKER_CONTEXT", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL*",
    "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR", "VAULT_ADDR", "BAO_ADDR", "CONSUL_HTTP_ADDR", "NOMAD_ADDR", "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "NPM_CONFIG_REGISTRY", "GOPROXY", "GONOSUMDB",
    "GOSUMDB", "GOINSECURE", "CARGO_REGISTRIES_*_INDEX", "GPG_AGENT_INFO", "GNUPGHOME",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_secrets_and_settings_pass_without_a_word() {
        for name in [
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN", "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_X_TOKEN", "NPM_TOKEN", "UV_PUBLISH_TOKEN", "GEM_HOST_API_KEY", "PGPASSWORD",
            "BUNDLE_EXAMPLE__COM", "TZ", "LANG", "LC_ALL", "TERM", "USER", "LOGNAME", "XDG_CONFIG_HOME",
            "SSH_AUTH_SOCK", "SECRETS_BUCKET", "AGE_LIMIT", "DATABASE_URL",
        ] {
            assert_eq!(danger(name), None, "{name}");
        }
    }

    #[test]
    fn each_name_stands_in_one_list_and_is_found_there() {
        for (list, want) in [(NEVER, Danger::Never), (DECLARED, Danger::Declared), (WARN, Danger::Warn)] {
            for pattern in list {
                for text in ["", "X", "_X_Y"] {
                    assert_eq!(danger(&pattern.replace('*', text)), Some(want), "{pattern}");
                }
            }
        }
        assert_eq!(danger("https_proxy"), Some(Danger::Warn));
        assert_eq!(danger("npm_config_userconfig"), Some(Danger::Declared));
        assert_eq!(danger("ld_preload"), None);
    }
}
