//! A real terminal around a program: keys in, the screen out.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// Nothing takes so long, unless it hangs.
const LONGEST: Duration = Duration::from_secs(120);
const SIZE: PtySize = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };

/// The program in a terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    pub keys: Box<dyn Write + Send>,
    /// What is on the screen, and all bytes that came.
    seen: Arc<Mutex<(vt100::Parser, Vec<u8>)>>,
    /// How many keys were pressed.
    pub pressed: usize,
    reader: std::thread::JoinHandle<()>,
    master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    /// The program, started in a directory.
    pub fn start(dir: &Path, args: &[&str]) -> Self {
        Self::start_with(dir, env!("CARGO_BIN_EXE_kinescope"), args, &[])
    }

    /// Another program, or another environment.
    pub fn start_with(dir: &Path, program: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(dir);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Arc::new(Mutex::new((
            vt100::Parser::new(SIZE.rows.try_into().unwrap(), SIZE.cols.try_into().unwrap(), 0),
            Vec::new(),
        )));
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut seen = screen.lock().unwrap();
                seen.0.process(&buffer[..count]);
                seen.1.extend_from_slice(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, keys, seen, pressed: 0, master: pair.master, reader }
    }

    pub fn screen(&self) -> String {
        self.seen.lock().unwrap().0.screen().contents()
    }

    /// Presses keys, and waits until the screen has a text.
    pub fn press(&mut self, keys: &str, until: &str) {
        self.pressed += keys.chars().count();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self.wait(until);
    }

    pub fn wait(&self, until: &str) {
        let start = Instant::now();
        // Long lines go on in the next one.
        let squeezed = || self.screen().split_whitespace().collect::<Vec<_>>().join(" ");
        while !squeezed().contains(until) {
            assert!(start.elapsed() < LONGEST, "{until:?} does not come:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the program has gone: its exit code, and all that it wrote.
    pub fn left(mut self) -> (u32, Vec<u8>) {
        let code = self.child.wait().unwrap().exit_code();
        self.reader.join().unwrap();
        let bytes = self.seen.lock().unwrap().1.clone();
        (code, bytes)
    }

    /// The terminal gets another size.
    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.master.resize(PtySize { rows: lines, cols: columns, ..SIZE }).unwrap();
        self.seen.lock().unwrap().0.screen_mut().set_size(lines.try_into().unwrap(), columns.try_into().unwrap());
    }
}

/// Whether bytes have a part.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}
