# secrets: zsh
__secrets_hook() {
  local __secrets_rc=$? __secrets_out=
  setopt local_options no_xtrace no_all_export
  if [[ -x $__secrets_bin ]]; then
    __secrets_gone=
    __secrets_out="$("$__secrets_bin" hook-env zsh $$ </dev/null)" || :
    if [[ $__secrets_out == *$'\n: end' ]]; then eval "$__secrets_out"; fi
  elif [[ -z $__secrets_gone ]]; then
    __secrets_gone=1
    print -ru2 -- "secrets: $__secrets_bin is gone; nothing will be loaded or unloaded here"
  fi
  return $__secrets_rc
}

() {
  emulate -L zsh
  setopt no_all_export
  typeset -g __secrets_bin=@BIN@ __secrets_gone=
  typeset -ga precmd_functions chpwd_functions
  precmd_functions=(__secrets_hook ${precmd_functions:#__secrets_hook})
  chpwd_functions=(__secrets_hook ${chpwd_functions:#__secrets_hook})
}
