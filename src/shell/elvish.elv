# secrets: elvish
use str

var bin = @BIN@
var gone = $false
# What names held before, by name; no child gets it.
var old = [&]

# The text calls these four.
fn forget {|name| set old = (dissoc $old $name) }

fn save {|name|
  forget $name
  if (has-env $name) { set old = (assoc $old $name (get-env $name)) }
}

fn back {|name|
  if (has-key $old $name) { set-env $name $old[$name] } else { unset-env $name }
  forget $name
}

fn plain {|name|
  unset-env $name
  forget $name
}

fn ask {
  var text = ({ try { (external $bin) hook-env elvish $pid </dev/null } catch _ { } } | slurp)
  if (str:has-suffix $text "\n: end\n") {
    # A long line takes elvish 0.19 seconds; no value has a semicolon as it is.
    set text = (str:replace ';' "\n" (str:trim-suffix $text ": end\n"))
    # An exception would show the text, with its values.
    try {
      eval $text &ns=(ns [&save~=$save~ &back~=$back~ &plain~=$plain~ &forget~=$forget~])
    } catch _ { }
  }
}

# The option tells it from other functions, and hands what was saved to the next one.
fn hook {|@_ &secrets-old=$false|
  if $secrets-old {
    put $old
  } elif (has-external $bin) {
    set gone = $false
    ask
  } elif (not $gone) {
    set gone = $true
    echo 'secrets: '$bin' is gone; nothing will be loaded or unloaded here' >&2
  }
}

fn others {|functions|
  each {|function|
    # Only functions that are written in elvish have a list of options.
    var is-ours = $false
    try { set is-ours = (has-value $function[opt-names] secrets-old) } catch _ { }
    if $is-ours { set old = ($function &secrets-old) } else { put $function }
  } $functions
}

set edit:before-readline = [$hook~ (others $edit:before-readline)]
set after-chdir = [$hook~ (others $after-chdir)]
