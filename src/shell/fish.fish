# secrets: fish
set -g __secrets_bin @BIN@
set -g __secrets_gone

function __secrets_hook --on-event fish_prompt --on-variable PWD
    set -l __secrets_rc $status
    set -l fish_trace
    if test -x $__secrets_bin
        set -g __secrets_gone
        set -l __secrets_out ($__secrets_bin hook-env fish $fish_pid </dev/null | string collect)
        string match -q -r -- '\n: end\n?$' "$__secrets_out"; and eval $__secrets_out
    else if test -z "$__secrets_gone"
        set -g __secrets_gone 1
        echo "secrets: $__secrets_bin is gone; nothing will be loaded or unloaded here" >&2
    end
    return $__secrets_rc
end
