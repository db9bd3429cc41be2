# secrets: zsh
zmodload zsh/datetime 2>/dev/null

# Tells, without starting anything, whether nothing changed since the program was asked.
__secrets_idle() {
  emulate -L zsh
  [[ $PWD:${SECRETS_ENV-}:${SECRETS_IDENTITY_FILE-}:${SECRETS_TRUST-}:${SECRETS_IDENTITY+1} == "$__secrets_at" &&
    ${__SECRETS-} == "$__secrets_st" && -e $PWD && ${SECRETS_HOOK_IDLE-} != 0 ]] || return 1
  [[ -z $__secrets_x ]] || (( ${EPOCHSECONDS:-$__secrets_x} < __secrets_x )) || return 1
  \builtin local -i i
  \builtin local f
  for (( i = 1; i <= $#__secrets_f; i++ )); do
    [[ -e $__secrets_f[i] && ! $__secrets_f[i] -nt $__secrets_s[i] &&
      ! $__secrets_f[i] -ot $__secrets_s[i] ]] || return 1
  done
  for f in $__secrets_n; do
    [[ ! -e $f && ! -L $f ]] || return 1
  done
}

# Called with `moved` where the folder changed, and without a word at a prompt.
__secrets_hook() {
  \builtin local __secrets_rc=$? __secrets_out= __secrets_event=${1-prompt}
  setopt local_options no_xtrace no_all_export
  __secrets_idle && return $__secrets_rc
  # Whatever a person's options are, what is evaluated reads as it was written.
  emulate -L zsh
  setopt no_xtrace no_aliases
  trap - DEBUG
  (( ZSH_SUBSHELL )) && __secrets_event=inner
  if [[ -x $__secrets_bin ]]; then
    __secrets_gone=
    __secrets_out="$("$__secrets_bin" hook-env zsh $$ $__secrets_event </dev/null)" || :
    # What the shell says of a text would show it.
    if [[ $__secrets_out == *$'\n: end' ]]; then \builtin eval "$__secrets_out" 2>/dev/null; fi
  elif [[ -z $__secrets_gone ]]; then
    __secrets_gone=1
    print -ru2 -- "secrets: $__secrets_bin is gone; nothing will be loaded or unloaded here"
  fi
  return $__secrets_rc
}

__secrets_moved() {
  __secrets_hook moved
}

() {
  emulate -L zsh
  [[ -o interactive ]] || return 0
  setopt no_all_export
  typeset -g __secrets_bin=@BIN@ __secrets_gone= __secrets_at= __secrets_st= __secrets_x=
  typeset -ga __secrets_f=() __secrets_s=() __secrets_n=() precmd_functions chpwd_functions
  precmd_functions=(__secrets_hook ${precmd_functions:#__secrets_hook})
  chpwd_functions=(__secrets_moved ${chpwd_functions:#__secrets_moved})
}
