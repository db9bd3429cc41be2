# secrets: direnv
# `use secrets [ENV]` in an .envrc: the values of the project there, as `secrets run` gives them.
use_secrets() {
  local secrets_text secrets_file
  watch_file secrets.toml
  for secrets_file in secrets/*.env; do
    watch_file "$secrets_file"
  done
  # A pipe, since direnv_load would write every value to a file. The mark of `run` is for what it starts, not for the shell.
  secrets_text=$(@BIN@ run ${1:+--env "$1"} -- env -u SECRETS_RUN "$direnv" dump bash) || return
  eval "$secrets_text"
}
