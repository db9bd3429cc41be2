//! How a line that bash, zsh and fish understand is said in elvish and nushell.

/// Returns the line in a shell's own words: its parts, between `; `, one by one.
pub fn say(shell: &str, line: &str) -> String {
    match shell {
        "elvish" | "nu" => line.split("; ").map(|part| part_in(shell == "nu", part)).collect::<Vec<_>>().join("; "),
        _ => line.to_string(),
    }
}

fn part_in(is_nu: bool, part: &str) -> String {
    let is_own = ["cd ", "elvish ", "nu ", "source ", "eval "].iter().any(|word| part.starts_with(word));
    if is_own || part == "exit" || part.starts_with("sh -c 'exit") {
        return part.to_string();
    }
    if part == "true" {
        return if is_nu { "null" } else { "nop" }.to_string();
    }
    if let Some((name, value)) = part.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
        let value = value.trim_matches('\'');
        return if is_nu { format!("$env.{name} = '{value}'") } else { format!("set-env {name} '{value}'") };
    }
    if let Some(name) = part.strip_prefix("unset ") {
        return if is_nu { format!("hide-env {name}") } else { format!("unset-env {name}") };
    }
    if let Some(file) = part.strip_prefix("echo code $? >>") {
        let nu = format!("sh -c $\"echo code ($env.LAST_EXIT_CODE) >>{file}\"");
        return if is_nu { nu } else { format!("sh -c 'echo code '$st' >>{file}'") };
    }
    // A program that fails ends the whole line in both.
    if is_nu { format!("sh -c r#'{part}; true'#") } else { format!("sh -c '{}; true'", part.replace('\'', "''")) }
}
