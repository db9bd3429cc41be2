# secrets: pwsh
if (-not (Test-Path variable:global:__secrets)) {
    $global:__secrets = @{ Action = $null; Depth = 0; IsAsked = $false; IsGone = $false; Program = ''; Prompts = @() }
    # What names held before, by name; no child gets it. A hashtable that is made like this tells cases apart.
    $global:__secrets_old = [System.Collections.Hashtable]::new()
}
$global:__secrets.Program = [regex]::Unescape('@BIN@')

# Does what the statements say. They are no code: PowerShell writes some of what it evaluates into the system's log.
# The attribute, here and below, is for Set-PSDebug, which would show values.
function global:__secrets_apply {
    [System.Diagnostics.DebuggerHidden()]
    param($Statements)
    Set-StrictMode -Off
    $old = $global:__secrets_old
    foreach ($statement in $Statements.Split(';', [System.StringSplitOptions]::RemoveEmptyEntries)) {
        $what, $name, $value = $statement.Split(' ')
        try {
            $saved = $old[$name]
            if ($what -ne 'set') { $old.Remove($name) }
            if ($what -eq 'set') {
                [System.Environment]::SetEnvironmentVariable($name, [regex]::Unescape($value))
            } elseif ($what -eq 'save') {
                $former = [System.Environment]::GetEnvironmentVariable($name)
                if ($null -ne $former) { $old[$name] = $former }
            } elseif ($what -eq 'back' -and $null -ne $saved) {
                [System.Environment]::SetEnvironmentVariable($name, $saved)
            } elseif ($what -ne 'forget') {
                # A bare $null would be an empty string here.
                [System.Environment]::SetEnvironmentVariable($name, [NullString]::Value)
            }
        } catch {
            # One that goes wrong does not stop the rest.
        }
    }
}

# No command of the shell is used here: $LASTEXITCODE stays as it is, and nothing is what a person made of its name.
function global:__secrets_ask {
    [System.Diagnostics.DebuggerHidden()]
    param()
    Set-StrictMode -Off
    $state = $global:__secrets
    $isGone = -not [System.IO.File]::Exists($state.Program)
    if ($isGone -and -not $state.IsGone) {
        $line = "secrets: $($state.Program) is gone; nothing will be loaded or unloaded here"
        [System.Console]::Error.WriteLine($line)
    }
    $state.IsGone = $isGone
    if ($isGone) { return }
    try {
        $folder = $ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath
        $start = [System.Diagnostics.ProcessStartInfo]::new($state.Program)
        foreach ($word in 'hook-env', 'pwsh', "$PID") { $start.ArgumentList.Add($word) }
        $start.WorkingDirectory = if ([System.IO.Directory]::Exists($folder)) { $folder } else { '/' }
        $start.RedirectStandardInput = $true
        $start.RedirectStandardOutput = $true
        $start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
        $process = [System.Diagnostics.Process]::Start($start)
        $process.StandardInput.Close()
        $text = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        $process.Dispose()
    } catch {
        return
    }
    $end = "`n: end`n"
    if ($text.EndsWith($end, [System.StringComparison]::Ordinal)) {
        __secrets_apply $text.Substring(0, $text.Length - $end.Length)
    }
}

# From the first prompt on, which no script has, changes of the folder are seen as well.
function global:__secrets_at_prompt {
    [System.Diagnostics.DebuggerHidden()]
    param()
    Set-StrictMode -Off
    $state = $global:__secrets
    # What else the line did may have changed the answer.
    $isMove = '^\s*(cd|chdir|sl|pushd|popd|(set|push|pop)-location)\b[^;&|{\n]*$'
    $isAsked = $state.IsAsked -and (Get-History -Count 1).CommandLine -match $isMove
    $state.IsAsked = $false
    if (-not $isAsked) { __secrets_ask }
    if ($null -ne $state.Action) { return }
    $state.Action = [System.EventHandler[System.Management.Automation.LocationChangedEventArgs]] {
        [System.Diagnostics.DebuggerHidden()]
        param($source, $change)
        __secrets_ask
        $global:__secrets.IsAsked = $true
    }
    $invoke = $ExecutionContext.SessionState.InvokeCommand
    $invoke.LocationChangedAction = [System.Delegate]::Combine($state.Action, $invoke.LocationChangedAction)
}

if ("$function:prompt" -notmatch '__secrets_at_prompt') {
    $global:__secrets.Prompts += $function:prompt
    function global:prompt {
        [System.Diagnostics.DebuggerHidden()]
        param()
        $isOk = $?
        $state = $global:__secrets
        # Where another tool wrapped this prompt and was wrapped in turn, it is called again from within.
        $depth = $state.Depth
        $state.Depth = $depth + 1
        try {
            if ($depth -eq 0) { __secrets_at_prompt }
            if ($depth -lt $state.Prompts.Count) {
                $former = $state.Prompts[$state.Prompts.Count - 1 - $depth]
                # It finds $? as it was.
                if (-not $isOk) { Write-Error '' -ErrorAction Ignore }
                & $former
            }
        } finally {
            $state.Depth = $depth
        }
    }
}
