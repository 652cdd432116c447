//! The program as a user runs it: files and flags in, files, text and an exit status out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tancho_formats::{read_npy, write_npy};
use tancho_tensor::Array;
use tempfile::TempDir;

mod bench;
mod check;
mod conformance;
mod cost;
mod digits;
mod dump;
mod errors;
mod profile;
mod run;
mod stablehlo;

/// A dense layer, and the sum of what it gives.
pub const DENSE: &str = "\
func @dense(%x: f32[?n, 2], %w: f32[2, 3], %b: f32[3]) -> (f32[?n, 3], f32[]) {
  %0 = dot_general %x, %w, contract=[1]x[0] : f32[?n, 3]
  %1 = broadcast_in_dim %b, dims=[1] : f32[?n, 3]
  %2 = add %0, %1 : f32[?n, 3]
  %3 = constant 0.0 : f32[]
  %4 = constant 1.0 : f32[]
  %5 = multiply %3, %4 : f32[]
  %6 = broadcast_in_dim %5, dims=[] : f32[?n, 3]
  %7 = maximum %2, %6 : f32[?n, 3]
  %8 = reduce_sum %7, axes=[0, 1] : f32[]
  return %7 as \"dense/out:0\", %8
}
";

/// A folder of its own with the program `dense.ir` and its inputs.
pub(crate) struct Workspace(TempDir);

impl Workspace {
    pub(crate) fn new() -> Self {
        let workspace = Workspace(tempfile::tempdir().unwrap());
        workspace.write("dense.ir", DENSE);
        workspace.write_array("x.npy", &Array::new([2, 2], &[1f32, 2., 3., 4.]).unwrap());
        workspace.write_array("w.npy", &Array::new([2, 3], &[1f32, 0., -1., 0., 1., -1.]).unwrap());
        workspace.write_array("b.npy", &Array::new([3], &[0.5f32, 0.5, 0.5]).unwrap());
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn write_array(&self, name: &str, array: &Array) {
        write_npy(self.path(name), array).unwrap();
    }

    pub fn array(&self, name: &str) -> Array {
        read_npy(self.path(name)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs the program in the folder; the arguments are separated by blanks.
    pub fn tancho(&self, arguments: &str) -> Output {
        tancho(self.0.path(), arguments)
    }

    /// What a run that succeeds prints.
    #[track_caller]
    pub fn succeeds(&self, arguments: &str) -> String {
        let output = self.tancho(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "tancho {arguments}: {error}");
        assert_eq!(error, "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one error of a run that fails.
    #[track_caller]
    pub fn fails(&self, arguments: &str) -> String {
        let output = self.tancho(arguments);
        assert_eq!(output.status.code(), Some(1), "tancho {arguments}: {output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{error}");
        error.strip_prefix("error: ").unwrap_or_else(|| panic!("{error}")).trim_end().to_owned()
    }
}

fn tancho(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tancho"));
    command.args(arguments.split_whitespace()).current_dir(folder).env_remove("TANCHO_THREADS");
    command.output().unwrap()
}
