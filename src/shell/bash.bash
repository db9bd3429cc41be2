# secrets: bash
__secrets_bin=@BIN@
__secrets_gone=

__secrets_hook() {
  local __secrets_rc=$? __secrets_out=
  if [[ $- == *[xvT]* ]]; then { local -; set +xvT; } 2>/dev/null; fi
  if [[ -x $__secrets_bin ]]; then
    __secrets_gone=
    __secrets_out=$("$__secrets_bin" hook-env bash $$ </dev/null) || :
    if [[ $__secrets_out == *$'\n: end' ]]; then eval "$__secrets_out"; fi
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
