//! A terminal that a scene sits at while the command runs: it sees, types and hangs up when it wants to.

use std::io::ErrorKind;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use memchr::memmem;

use crate::sandbox::Call;
use crate::sandbox::Outcome;
use crate::sandbox::python;

/// A sign that takes longer does not come.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The terminal's far end.
pub struct Terminal {
    link: UnixStream,
    seen: Vec<u8>,
    /// What was waited for lies before it.
    at: usize,
}

/// Runs a command on a terminal at which `scene` sits; the outcome is the command's, without what the terminal showed.
///
/// `link` is where the socket to the terminal may be made.
pub fn at_terminal(call: Call<'_>, link: &Path, scene: impl FnOnce(&mut Terminal)) -> Outcome {
    let listener = UnixListener::bind(link).expect("a socket in the sandbox");
    listener.set_nonblocking(true).expect("a socket can be asked");
    let outcome = thread::scope(|scope| {
        let call = call.env("TERM", "vt100").under([python(), "-c", TERMINAL, &link.display().to_string()]);
        let running = scope.spawn(move || call.go());
        let stream = wait_for("the terminal", || listener.accept().ok().map(|(stream, _)| stream));
        // Some systems hand the listener's mode on.
        stream.set_nonblocking(false).expect("a socket can wait");
        stream.set_read_timeout(Some(LOOK_AGAIN)).expect("a socket has a timeout");
        let mut terminal = Terminal { link: stream, seen: Vec::new(), at: 0 };
        scene(&mut terminal);
        let start = Instant::now();
        while terminal.look() {
            assert!(start.elapsed() < DEADLINE, "the command does not end; the terminal shows\n{}", terminal.screen());
        }
        running.join()
    });
    std::fs::remove_file(link).expect("the socket is ours");
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Terminal {
    /// Waits until the terminal shows a text, behind what was waited for before.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let start = Instant::now();
        loop {
            if let Some(found) = memmem::find(&self.seen[self.at..], text.as_bytes()) {
                self.at += found + text.len();
                return;
            }
            let is_there = self.look();
            assert!(is_there, "{text:?} never came; the terminal showed\n{}", self.screen());
            assert!(start.elapsed() < DEADLINE, "{text:?} does not come; the terminal shows\n{}", self.screen());
        }
    }

    /// Types; `\r` is the return key, and control keys are their bytes.
    pub fn types(&mut self, keys: &str) {
        self.link.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Closes the window.
    pub fn hangs_up(&mut self) {
        self.link.shutdown(Shutdown::Write).expect("the terminal is there");
    }

    /// Takes in what is new; false when the terminal is gone.
    fn look(&mut self) -> bool {
        let mut more = [0; 4096];
        match self.link.read(&mut more) {
            Ok(0) => false,
            Ok(size) => {
                self.seen.extend(&more[..size]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted),
        }
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace('\u{1b}', "^[")
    }
}

/// Waits for a sign.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "{what} does not come");
        thread::sleep(LOOK_AGAIN);
    }
}

/// Holds a terminal for a program and passes on bytes between it and a socket; dies as the program died. When the far end
/// closes the socket, the terminal hangs up.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, signal, socket, struct, sys, termios
link, words = socket.socket(socket.AF_UNIX), sys.argv[2:]
link.connect(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    os.execvp(words[0], words)
def shown():
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
ended, status = 0, 0
while not ended:
    ready = select.select([link, terminal], [], [], 0.01)[0]
    if terminal in ready:
        link.sendall(shown())
    if link in ready:
        keys = link.recv(65536)
        if not keys:
            os.close(terminal)
            ended, status = os.waitpid(child, 0)
            break
        os.write(terminal, keys)
    ended, status = os.waitpid(child, os.WNOHANG)
else:
    while select.select([terminal], [], [], 0)[0]:
        more = shown()
        if not more:
            break
        link.sendall(more)
if os.WIFSIGNALED(status):
    deadly = os.WTERMSIG(status)
    if deadly != signal.SIGKILL:
        signal.signal(deadly, signal.SIG_DFL)
    os.kill(os.getpid(), deadly)
sys.exit(os.WEXITSTATUS(status))
"#;
