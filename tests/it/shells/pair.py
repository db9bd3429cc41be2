"""Two shells on terminals of their own, step by step: one that tells by itself that nothing changed, and one that asks at every
prompt. After each step both must give a child the same values.

Arguments: a file of steps as JSON, the shell's name, the start line, the shell's words. A step that begins with `!` is a command for
sh, run beside both shells; any other is typed into both. Prints how many steps were taken, and how often values were there.
"""
import json, os, pty, select, subprocess, sys, time

STEPS, NAME, START, WORDS = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4:]
TOP = os.environ["TOP"]


class Shell:
    def __init__(self, name, extra):
        self.name, self.shown, self.file = name, b"", os.path.join(TOP, name)
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ.update(extra, WITNESS=self.file)
            os.execvp(WORDS[0], WORDS)

    def send(self, line):
        os.write(self.terminal, line.encode() + b"\r")

    def text(self, wanted):
        """-> what the witness wrote, once it ends with `wanted`"""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.002)[0]:
                self.shown += os.read(self.terminal, 65536)
            if os.path.exists(self.file):
                text = open(self.file).read()
                if text.endswith(wanted):
                    return text
        fail(f"{self.name} waits for {wanted!r}")


def fail(why):
    for shell in shells:
        print(f"--- {shell.name}\n{shell.shown[-6000:].decode(errors='replace')}")
    sys.exit(why)


def everywhere(line):
    for shell in shells:
        shell.send(line)


def witness(number):
    """What a child of each gets at the prompt after what was typed last."""
    everywhere(f"sh -c 'printenv KEY; echo -; printenv OTHER; echo end {number}' >$WITNESS")
    return [shell.text(f"end {number}\n") for shell in shells]


shells = [Shell("idle", {}), Shell("asks", {"SECRETS_HOOK_IDLE": "0"})]
everywhere(START)
witness("start")
held = 0
for number, step in enumerate(STEPS):
    if step.startswith("!"):
        subprocess.run(["sh", "-c", step[1:]], cwd=os.path.join(TOP, "shop"), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        everywhere("true")
    else:
        everywhere(step)
    idle, asks = witness(number)
    if idle != asks:
        fail(f"after step {number}, {step!r} and before it {STEPS[max(0, number - 8):number]}: {idle!r}, {asks!r}")
    held += idle.startswith("-") is False
for shell in shells:
    shell.send("exit")
    os.waitpid(shell.child, 0)
print(f"steps {len(STEPS)}, held {held}")
