//! `#[derive(Tree)]` and `#[function]`.

use tancho::prelude::*;
use tancho::{flatten, paths};

#[derive(Tree, Clone)]
struct Layer {
    w: Tensor,
    b: Option<Tensor>,
}

#[derive(Tree)]
struct Model<T> {
    layers: Vec<Layer>,
    head: (T, [Tensor; 1]),
    depth: Static<usize>,
}

#[derive(Tree, Clone, Copy)]
struct Unit;

#[derive(Tree)]
struct Pair(Tensor, Unit);

fn model() -> Model<Tensor> {
    let layer = |value: f32| Layer { w: tensor(value), b: Some(tensor(1.0f32)) };
    Model { layers: vec![layer(2.0), layer(3.0)], head: (tensor(4.0f32), [tensor(5.0f32)]), depth: Static(2) }
}

#[test]
fn derived_trees_have_paths_and_go_through_functions() -> Result<()> {
    let model = model();
    let expected = ["layers[0].w", "layers[0].b", "layers[1].w", "layers[1].b", "head[0]", "head[1][0]"];
    assert_eq!(paths(&model), expected);
    let f = function(|model: Model<Tensor>, x: Tensor| {
        let x = model.layers.iter().take(*model.depth).fold(x, |x, layer| {
            let product = x * &layer.w;
            layer.b.as_ref().map_or(product.clone(), |b| product + b)
        });
        let [last] = model.head.1;
        Pair(x * model.head.0 + last, Unit)
    });
    let Pair(result, _) = f.call((&model, tensor(1.0f32)))?;
    assert_eq!(result.item::<f32>()?, ((2.0 + 1.0) * 3.0 + 1.0) * 4.0 + 5.0);
    let concrete = f.concrete((&model, tensor(1.0f32)))?;
    let graph = concrete.dump(Stage::Traced);
    assert!(graph.contains("%arg0_layers_1_b: f32[]"), "{graph}");
    assert!(concrete.signature().to_string().contains("arg0.layers[1].b: f32[]"), "{}", concrete.signature());
    assert_eq!(flatten(&Unit).len(), 0);
    Ok(())
}

#[test]
fn another_structure_is_another_signature() -> Result<()> {
    let f = function(|layer: Layer| layer.b.map_or(layer.w.clone(), |b| layer.w + b));
    let full = Layer { w: tensor(1), b: Some(tensor(2)) };
    assert_eq!(f.call(&full)?.item::<i32>()?, 3);
    assert_eq!(f.call(Layer { b: None, ..full })?.item::<i32>()?, 1);
    assert_eq!(f.tracing_count(), 2);
    Ok(())
}

/// The distance of two points.
#[function]
fn distance(a: Tensor, b: Tensor) -> Tensor {
    (a - b).square().sum(..).sqrt()
}

#[function]
fn halves(x: Tensor) -> (Tensor, [Tensor; 2]) {
    (&x * 0.5, [x.clone(), x])
}

#[function]
fn scaled(layer: Layer, times: Static<i32>) -> Result<Layer> {
    if *times == 0 {
        return Err(Error::new("nothing to scale by"));
    }
    Ok(Layer { w: layer.w * *times, b: layer.b })
}

#[test]
fn attribute_functions_are_called_like_any_other() -> Result<()> {
    let a = tensor([0.0f32, 3.0]);
    assert_eq!(distance(&a, tensor([4.0f32, 0.0])).item::<f32>()?, 5.0);
    let within = function(|x: Tensor| distance(&x, 2.0 * &x));
    assert_eq!(within.call(&a)?.item::<f32>()?, 3.0);
    let (half, [x, _]) = halves(&a);
    assert_eq!((half.to_vec::<f32>()?, x.to_vec::<f32>()?), (vec![0.0, 1.5], vec![0.0, 3.0]));
    let layer = Layer { w: tensor(2), b: None };
    assert_eq!(scaled(&layer, 3)?.w.item::<i32>()?, 6);
    Ok(())
}

#[test]
fn attribute_functions_carry_errors() {
    let a = tensor([0.0f32, 3.0]);
    let wrong = distance(&a, tensor([1.0f32, 2.0, 3.0]));
    let text = wrong.item::<f32>().unwrap_err().to_string();
    assert!(text.starts_with("subtract: shapes do not broadcast: f32[2] and f32[3] ("), "{text}");
    let (half, [_, x]) = halves(&wrong);
    assert_eq!(half.check().unwrap_err().to_string(), text);
    assert_eq!(x.check().unwrap_err().to_string(), text);
    let text = scaled(Layer { w: tensor(2), b: None }, 0).err().unwrap().to_string();
    assert!(text.starts_with(&format!("nothing to scale by ({}:", file!())), "{text}");
}

impl Layer {
    /// What the layer makes of its input.
    #[function]
    fn apply(&self, x: Tensor) -> Tensor {
        let product = x * &self.w;
        self.b.as_ref().map_or(product.clone(), |b| product + b)
    }

    #[function]
    fn parts(&self) -> Result<[Tensor; 2]> {
        let b = self.b.as_ref().ok_or_else(|| Error::new("the layer has no bias"))?;
        Ok([self.w.clone(), self.apply(b)])
    }
}

impl<T: Tree + Clone> Model<T> {
    #[function]
    pub fn run(&self, x: Tensor, times: Static<usize>) -> Result<(T, Tensor)> {
        let x = (0..*times).fold(x, |x, _| self.layers.iter().fold(x, |x, layer| layer.apply(x)));
        Ok((self.head.0.clone(), x))
    }
}

#[test]
fn methods_are_traced_with_their_receiver() -> Result<()> {
    let layer = Layer { w: tensor(2.0f32), b: Some(tensor(1.0f32)) };
    assert_eq!(layer.apply(tensor(3.0f32)).item::<f32>()?, 7.0);
    // Another layer is another argument, not another trace; nothing is left of the first one.
    let other = Layer { w: tensor(5.0f32), b: None };
    assert_eq!(other.apply(tensor(3.0f32)).item::<f32>()?, 15.0);
    let [w, b] = layer.parts()?;
    assert_eq!((w.item::<f32>()?, b.item::<f32>()?), (2.0, 3.0));
    let text = other.parts().err().unwrap().to_string();
    assert!(text.starts_with(&format!("the layer has no bias ({}:", file!())), "{text}");
    Ok(())
}

#[test]
fn the_types_of_a_generic_impl_have_caches_of_their_own() -> Result<()> {
    let (_, x) = model().run(tensor(1.0f32), 2)?;
    assert_eq!(x.item::<f32>()?, ((((1.0 * 2.0 + 1.0) * 3.0 + 1.0) * 2.0) + 1.0) * 3.0 + 1.0);
    let Model { layers, head: (_, last), depth } = model();
    let pairs = Model { layers, head: ((tensor(1), tensor(2)), last), depth };
    let ((one, two), x) = pairs.run(tensor(1.0f32), 0)?;
    assert_eq!((one.item::<i32>()?, two.item::<i32>()?, x.item::<f32>()?), (1, 2, 1.0));
    Ok(())
}

#[test]
fn errors_of_methods_name_their_line() {
    let layer = Layer { w: tensor([1.0f32, 2.0]), b: None };
    let text = layer.apply(tensor([1.0f32, 2.0, 3.0])).check().unwrap_err().to_string();
    let place = format!("({}:", file!());
    assert!(
        text.starts_with("multiply: shapes do not broadcast: f32[3] and f32[2] (") && text.contains(&place),
        "{text}"
    );
}
