# secrets: bash
__secrets_bin=@BIN@
__secrets_gone= __secrets_at= __secrets_st= __secrets_x= __secrets_f=() __secrets_s=() __secrets_n=()

# Tells, without starting anything, whether nothing changed since the program was asked.
__secrets_idle() {
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || return 1
  # A folder not by [[ ]], which nocasematch makes blind to upper and lower case. The state has no character that means more to a
  # pattern, and quoted it would take twice the time.
  \builtin [ "$PWD:${SECRETS_ENV-}:${SECRETS_IDENTITY_FILE-}:${SECRETS_TRUST-}:${SECRETS_IDENTITY+1}" = "$__secrets_at" ] &&
    [[ ${__SECRETS-} == $__secrets_st && -e $PWD && ${SECRETS_HOOK_IDLE-} != 0 ]] || return 1
  \builtin local __secrets_i __secrets_now
  if [[ -n $__secrets_x ]]; then
    printf -v __secrets_now '%(%s)T' -1
    ((__secrets_now < __secrets_x)) || return 1
  fi
  for __secrets_i in "${!__secrets_f[@]}"; do
    [[ -e ${__secrets_f[__secrets_i]} && ! ${__secrets_f[__secrets_i]} -nt ${__secrets_s[__secrets_i]} &&
      ! ${__secrets_f[__secrets_i]} -ot ${__secrets_s[__secrets_i]} ]] || return 1
  done
  for __secrets_i in ${__secrets_n[@]+"${__secrets_n[@]}"}; do
    [[ ! -e $__secrets_i && ! -L $__secrets_i ]] || return 1
  done
}

# A function of its own: a trap that is inherited here was taken off before. What the shell says of a text would show it.
__secrets_ask() {
  \builtin local __secrets_out=
  __secrets_out=$("$__secrets_bin" hook-env bash $$ </dev/null) || :
  if [[ $__secrets_out == *$'\n: end' ]]; then \builtin eval "$__secrets_out" 2>/dev/null; fi
}

__secrets_hook() {
  \builtin local __secrets_rc=$?
  if [[ $- == *[xvTku]* ]]; then { \builtin local -; \builtin set +xvTku; } 2>/dev/null; fi
  __secrets_idle && return $__secrets_rc
  if [[ -x $__secrets_bin ]]; then
    __secrets_gone=
    __secrets_ask
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
