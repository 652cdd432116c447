//! Model folders: graphs as text with their weights, which run without the code that made them.
//!
//! What is saved is frozen: what the variables hold at that time are constants of the graph, and what a function assigns to
//! variables is left out. So a saved model is for inference; training goes on from a [`Checkpoint`](super::Checkpoint).
//! Arrays of more than 64 elements stand in the file of weights, each once; shorter ones in the text.

use std::path::Path;

use tancho_core::{Array, Concrete, Error, Program, Result, Spec, Tensor, Tree, function};
use tancho_formats::{load_model, load_signature, save_signatures};
use tancho_ir::{Graph, Value};

use crate::fault::locate;
use crate::layer::{Layer, Mode};
use crate::module::NamedVariable;

/// What the program of a saved layer is called.
const LAYER: &str = "model";

/// Models in folders: every [`Layer`] has it.
pub trait SaveModel: Layer {
    /// Saves the layer as it is in [`Mode::Eval`], for inputs of a dtype and sizes of which some may vary, as a folder that
    /// [`LoadModel::load`] and `tancho run` take. A model that is there is replaced. A layer that is not built is built.
    ///
    /// ```
    /// # use tancho_core::{DType, Program, spec, tensor};
    /// # use tancho_nn::{Dense, files::{LoadModel, SaveModel}};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("my_model");
    /// Dense::new(3).save(&folder, spec(DType::F32, [None, Some(2)]))?;
    /// let program = Program::load(&folder)?;
    /// assert_eq!(program.call(&[tensor([[1.0f32, 2.0]])])?[0].shape(), [1, 3]);
    /// # Ok::<(), tancho_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The layer does not take such an input, or the folder cannot be written or holds something else than a model.
    #[track_caller]
    fn save(&self, folder: impl AsRef<Path>, input: Spec) -> Result<()> {
        let concrete = function(|x: Tensor| self.call(&x, Mode::Eval))
            .with_name(LAYER)
            .with_argument_names(&["x"])
            .concrete(input)?;
        let mut graph = concrete.freeze()?;
        name_weights(&mut graph, &self.named_variables());
        locate(save_signatures(folder, &[(LAYER, &graph)]).map_err(|error| error.to_string()))
    }
}

impl<L: Layer + ?Sized> SaveModel for L {}

/// A function for one signature, whatever it takes and gives: a [`Concrete`].
pub trait Frozen {
    /// The graph with what its variables hold as constants.
    ///
    /// # Errors
    /// A variable was dropped.
    fn freeze(&self) -> Result<Graph>;
}

impl<Args, Out: Tree> Frozen for Concrete<Args, Out> {
    #[track_caller]
    fn freeze(&self) -> Result<Graph> {
        Concrete::freeze(self)
    }
}

/// Saves traced functions, each under a name, as one model folder. Weights that several of them have are stored once.
///
/// The first is what `tancho run FOLDER` and [`LoadModel::load`] run; others are run by `tancho run FOLDER/NAME` and
/// [`LoadModel::load_signature`].
///
/// # Errors
/// There is no function, a name is there twice or is not made of letters, digits, `_` and `-`, a variable was dropped, or the
/// folder cannot be written or holds something else than a model.
#[track_caller]
pub fn save_model(folder: impl AsRef<Path>, signatures: &[(&str, &dyn Frozen)]) -> Result<()> {
    let mut graphs = Vec::new();
    for (name, function) in signatures {
        graphs.push((*name, function.freeze()?));
    }
    let graphs: Vec<(&str, &Graph)> = graphs.iter().map(|(name, graph)| (*name, graph)).collect();
    locate(save_signatures(folder, &graphs).map_err(|error| error.to_string()))
}

/// Programs from model folders.
pub trait LoadModel: Sized {
    /// Loads and compiles the program of a model folder; the first one, where it has several.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, the weights do not fit the program, or it cannot be compiled.
    fn load(folder: impl AsRef<Path>) -> Result<Self>;

    /// Loads and compiles the program of a name from a model folder that has several.
    ///
    /// # Errors
    /// There is none of the name; as [`LoadModel::load`].
    fn load_signature(folder: impl AsRef<Path>, name: &str) -> Result<Self>;
}

impl LoadModel for Program {
    #[track_caller]
    fn load(folder: impl AsRef<Path>) -> Result<Program> {
        match load_model(folder) {
            Ok(graph) => Program::from_graph(graph),
            Err(error) => Err(Error::new(error)),
        }
    }

    #[track_caller]
    fn load_signature(folder: impl AsRef<Path>, name: &str) -> Result<Program> {
        match load_signature(folder, name) {
            Ok(graph) => Program::from_graph(graph),
            Err(error) => Err(Error::new(error)),
        }
    }
}

/// Gives the constants that variables became the paths of those as names, which the file of weights then has.
fn name_weights(graph: &mut Graph, variables: &[NamedVariable]) {
    let mut held: Vec<(&str, Array)> = Vec::new();
    for NamedVariable { name, variable } in variables {
        if let Ok(array) = variable.array() {
            held.push((name, array));
        }
    }
    let ids: Vec<_> = graph.node_ids().collect();
    for node in ids {
        let Some(constant) = graph.constant(Value { node, result: 0 }) else { continue };
        let is_same =
            |array: &Array| array.buffer().same_memory(constant.buffer()) && array.shape() == constant.shape();
        if let Some(position) = held.iter().position(|(_, array)| is_same(array)) {
            let (name, _) = held.swap_remove(position);
            graph.set_node_name(node, Some(name));
        }
    }
}
