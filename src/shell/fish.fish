# secrets: fish
status is-interactive; or return 0
set -g __secrets_bin @BIN@
set -g __secrets_gone
set -g __secrets_at
set -g __secrets_st
set -g __secrets_x
set -g __secrets_f
set -g __secrets_s
set -g __secrets_n

# Tells, without starting anything, whether nothing changed since the program was asked.
function __secrets_idle
    test "$PWD:$SECRETS_ENV:$SECRETS_IDENTITY_FILE:$SECRETS_TRUST" = "$__secrets_at" \
        -a "$__SECRETS" = "$__secrets_st" -a -e "$PWD" -a "$SECRETS_HOOK_IDLE" != 0; or return 1
    if test -n "$__secrets_x"
        string match -q -- '-*' (path mtime -R $__secrets_x); or return 1
    end
    set -l stamps $__secrets_s
    for f in $__secrets_f
        test -e $f -a ! $f -nt $stamps[1] -a ! $f -ot $stamps[1]; or return 1
        set -e stamps[1]
    end
    for f in $__secrets_n
        test -e $f -o -L $f; and return 1
    end
    return 0
end

function __secrets_hook --on-event fish_prompt --on-variable PWD
    set -l __secrets_rc $status
    set -l fish_trace
    set -l __secrets_event prompt
    test "$argv[1]" = VARIABLE; and set __secrets_event moved
    __secrets_idle; and return $__secrets_rc
    if test -x $__secrets_bin
        set -g __secrets_gone
        set -l __secrets_out ($__secrets_bin hook-env fish $fish_pid $__secrets_event </dev/null | string collect)
        string match -q -r -- '\n: end\n?$' "$__secrets_out"; and eval $__secrets_out 2>/dev/null
    else if test -z "$__secrets_gone"
        set -g __secrets_gone 1
        echo "secrets: $__secrets_bin is gone; nothing will be loaded or unloaded here" >&2
    end
    return $__secrets_rc
end
