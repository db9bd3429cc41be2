# secrets: nu
do --env {
  # Does what the statements say: one that goes wrong does not stop the rest.
  def --env apply [statements: list<any>] {
    mut old = $env.__secrets_nu.old
    # Each look into $env itself makes a copy of it.
    let before = $env
    mut names = $" ($before | columns | str join ' ') "
    for statement in $statements {
      let name = $statement.1
      let former = if $name in $before { $before | get $name }
      # A name in two cases is one variable here, and what is no string means something to the shell.
      let is_plain = if $name in $before {
        ($former | describe) == string
      } else {
        not ($names | str contains --ignore-case $" ($name) ")
      }
      let saved = if $name in $old { $old | get $name }
      if $saved != null and $statement.0 != set { $old = $old | reject $name }
      if not $is_plain or $statement.0 == forget { continue }
      let value = match $statement.0 { set => $statement.2, back => $saved }
      if $statement.0 == save {
        if $former != null { $old = $old | insert $name $former }
      } else if $value != null {
        try { load-env {$name: $value}; $names += $"($name) " }
      } else if $former != null {
        try { hide-env $name; $names = $names | str replace $" ($name) " ' ' }
      }
    }
    $env.__secrets_nu.old = $old
  }

  def --env ask [] {
    let program = '@BIN@' | from json
    if (which $program | is-empty) {
      if not $env.__secrets_nu.is_gone {
        print --stderr $"secrets: ($program) is gone; nothing will be loaded or unloaded here"
      }
      $env.__secrets_nu.is_gone = true
      return
    }
    $env.__secrets_nu.is_gone = false
    # An error would show the text, with its values.
    try {
      let lines = "" | ^$program hook-env nu $nu.pid | lines
      if ($lines | length) == 2 and $lines.1 == ": end" {
        apply ($"[($lines.0)null]" | from json --strict | drop)
      }
    }
  }

  # Asks at a change of the folder, and at the prompt unless it was asked just now. Which comes first depends on the version.
  def --env hook [event: string] {
    let code = $env.LAST_EXIT_CODE
    let at = $env.__secrets_nu.at
    let is_due = if $event == folder { $at.folder != $env.PWD } else { not $at.is_asked }
    $env.__secrets_nu.at = {folder: $env.PWD, is_asked: ($is_due and $event == folder)}
    if $is_due { ask }
    $env.LAST_EXIT_CODE = $code
  }

  def others [hooks: any] {
    [] | append $hooks | compact | where {|hook| ($hook | describe) !~ '^record.*__secrets' }
  }

  # A record: no child gets it, and what names held before is in it.
  $env.__secrets_nu = $env.__secrets_nu? | default {old: {}, is_gone: false, at: {folder: "", is_asked: false}}
  let hooks = $env.config.hooks? | default {}
  let at_prompt = [{__secrets: true, code: {|| hook prompt }}]
  let at_folder = [{__secrets: true, code: {|before, after| hook folder }}]
  $env.config.hooks.pre_prompt = $at_prompt ++ (others $hooks.pre_prompt?)
  $env.config.hooks.env_change.PWD = $at_folder ++ (others $hooks.env_change?.PWD?)
}
