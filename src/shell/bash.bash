# secrets: bash
__secrets_bin=@BIN@
__secrets_gone= __secrets_at= __secrets_st= __secrets_x= __secrets_f=() __secrets_s=() __secrets_n=()

# Tells, without starting anything, whether nothing changed since the program was asked.
__secrets_idle() {
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || return 1
  [[ $PWD:${SECRETS_ENV-}:${SECRETS_IDENTITY_FILE-} == "$__secrets_at" &&
    ${__SECRETS-} == "$__secrets_st" && -e $PWD ]] || return 1
  \builtin local path now
  if [[ -n $__secrets_x ]]; then
    printf -v now '%(%s)T' -1
    ((now < __secrets_x)) || return 1
  fi
  for path in "${!__secrets_f[@]}"; do
    [[ -e ${__secrets_f[path]} && ! ${__secrets_f[path]} -nt ${__secrets_s[path]} &&
      ! ${__secrets_f[path]} -ot ${__secrets_s[path]} ]] || return 1
  done
  for path in ${__secrets_n[@]+"${__secrets_n[@]}"}; do
    [[ ! -e $path && ! -L $path ]] || return 1
  done
}

__secrets_hook() {
  \builtin local __secrets_rc=$? __secrets_out=
  if [[ $- == *[xvTu]* ]]; then { \builtin local -; \builtin set +xvTu; } 2>/dev/null; fi
  __secrets_idle && return $__secrets_rc
  if [[ -x $__secrets_bin ]]; then
    __secrets_gone=
    __secrets_out=$("$__secrets_bin" hook-env bash $$ </dev/null) || :
    if [[ $__secrets_out == *$'\n: end' ]]; then \builtin eval "$__secrets_out"; fi
  elif [[ -z $__secrets_gone ]]; then
    __secrets_gone=1
    printf 'secrets: %s is gone; nothing will be loaded or unloaded here\n' "$__secrets_bin" >&2
  fi
  return $__secrets_rc
}

if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  [[ " ${PROMPT_COMMAND[*]} " == *' __secrets_hook '* ]] ||
    PROMPT_COMMAND=(__secrets_hook "${PROMPT_COMMAND[@]}")
elif [[ ";${PROMPT_COMMAND-};" != *';__secrets_hook;'* ]]; then
  PROMPT_COMMAND="__secrets_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
fi
