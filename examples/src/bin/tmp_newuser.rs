use tancho::prelude::*;
use std::collections::BTreeMap;

#[derive(Tree, Clone)]
struct Params { w: Tensor, b: Tensor }

#[derive(Tree)]
struct Layer { w: Variable, b: Variable }

impl Layer {
    #[function]
    fn step(&self, x: Tensor, y: Tensor) -> Result<Tensor> {
        let tape = GradientTape::new();
        let loss = (x.matmul(&self.w) + &self.b - y).square().mean(..);
        let [dw, db] = tape.gradient(&loss, [&self.w, &self.b]);
        self.w.assign_sub(0.1 * dw)?;
        self.b.assign_sub(dw_like(&db) * 0.1)?;
        Ok(loss)
    }
}
fn dw_like(x: &Tensor) -> Tensor { x.clone() }

fn show<T: std::fmt::Display>(name: &str, x: T) { println!("{name}: {x}"); }

fn main() -> Result<()> {
    let v = Variable::new([1.0f32, 2.0, 3.0]);
    let w = Variable::new([4.0f32, 5.0, 6.0]);
    let x = tensor([1.0f32, 1.0, 1.0]);
    show("add", &v + &w);
    show("neg", -&v);
    show("scalar", 2.0 * &v - 1.0);
    show("tensor first", &x + &v);
    show("owned tensor first", x.clone() - &v);
    show("method", v.matmul(&w));
    show("free matmul", matmul(&v, &w));
    show("select", select(v.gt(1.5), &v, 0.0));
    show("concat", concat([&v, &w], 0));
    let both = vec![v.clone(), w.clone()];
    show("stack", stack(&both, 0));
    show("softmax", softmax(&v, -1));
    show("maximum", maximum(&v, &w));
    let mut y = x.clone();
    y += &v;
    show("+=", &y);
    // sources
    let tape = GradientTape::persistent();
    let loss = (&v * &w).sum(..);
    let g: Vec<Tensor> = tape.gradient(&loss, &both);
    show("g0", &g[0]);
    let refs = vec![&v, &w];
    let g = tape.gradient(&loss, &refs);
    show("refs", &g[1]);
    let array = [v.clone(), w.clone()];
    let g = tape.gradient(&loss, &array);
    show("array", &g[1]);
    let g = tape.gradient(&loss, both.as_slice());
    show("slice", &g[1]);
    let map = BTreeMap::from([("v".to_owned(), v.clone())]);
    let g = tape.gradient(&loss, &map);
    show("map", &g["v"]);
    drop(tape);
    // unconnected
    let tape = GradientTape::new();
    let loss = v.sum(..);
    show("unconnected", tape.gradient(&loss, &w));
    show("again", tape.gradient(&loss, &v));
    let tape = GradientTape::new();
    show("constant", tape.gradient(&x.sum(..), &x));
    let n = Variable::new([1, 2]);
    let tape = GradientTape::new();
    show("integer", tape.gradient(&n.sum(..), &n));
    let tape = GradientTape::new();
    show("vector", tape.gradient(&(v.square()), &v));
    // assign errors
    println!("{}", v.assign([1.0f32, 2.0]).unwrap_err());
    println!("{}", v.assign([1, 2, 3]).unwrap_err());
    println!("{}", v.assign_add(tensor([1.0f64, 2.0, 3.0])).unwrap_err());
    v.assign_add(1)?;
    v.assign_sub(&w)?;
    v.assign(&w)?;
    show("v", &v);
    println!("{v:?} {:?}", v.shape());
    // unbounded while in reverse
    let f = function(grad(|x: Tensor| while_loop(x, |x| x.lt(10.0), |x| x * 2.0)));
    println!("{}", f.call(tensor(1.0f32)).unwrap_err());
    println!("{}", grad(|x: Tensor| x.square()).call(tensor([1.0f32, 2.0])).unwrap_err());
    println!("{}", grad(|x: Tensor| x.square()).call(tensor(2)).unwrap_err());
    println!("{}", function(|x: Tensor| while_loop(x, |x| x.lt(10.0), |x| x.sum(..).expand_dims(0))).call(tensor(1.0f32)).unwrap_err());
    println!("{}", function(|x: Tensor| while_loop(x, |x| &x + 1.0, |x| x)).call(tensor(1.0f32)).unwrap_err());
    // structured gradients
    let p = Params { w: tensor([[1.0f32], [2.0]]), b: tensor([0.5f32]) };
    let loss = |p: Params, x: Tensor| (x.matmul(&p.w) + &p.b).square().sum(..);
    let g = grad(loss).call((&p, tensor([[1.0f32, 1.0]])))?;
    show("gw", &g.w);
    let (value, g) = value_and_grad(loss).call((p.clone(), tensor([[1.0f32, 1.0]])))?;
    show("value", value);
    show("gb", g.b);
    // methods with variables
    let layer = Layer { w: Variable::new([[0.0f32], [0.0]]), b: Variable::new([0.0f32]) };
    for _ in 0..2 {
        show("loss", layer.step(tensor([[1.0f32, 2.0]]), tensor([[1.0f32]]))?);
    }
    println!("{} variables", variables(&layer).len());
    // variables that were dropped
    let f = { let gone = Variable::new(1.0f32).named("gone"); function(move |x: Tensor| x * &gone) };
    show("alive", f.call(tensor(2.0f32))?);
    let leaked = function(|x: Tensor| { let inner = Variable::new(1.0f32); x * &inner });
    println!("{}", leaked.call(tensor(1.0f32)).unwrap_err());
    // tensors that leave a trace
    let escaped = std::sync::Mutex::new(None);
    let f = function(|x: Tensor| { *escaped.lock().unwrap() = Some(x.clone()); x });
    f.call(tensor(1.0f32))?;
    let t = escaped.lock().unwrap().take().unwrap();
    println!("{}", (t + 1.0).item::<f32>().unwrap_err());
    // Rust `if` on a traced value
    println!("{}", function(|x: Tensor| if x.item::<f32>()? > 0.0 { Ok(x) } else { Ok(-x) }).call(tensor(1.0f32)).unwrap_err());
    // jvp mistakes
    println!("{}", jvp(|x: Tensor| x.square()).call(((tensor(1.0f32),), (tensor([1.0f32]),))).unwrap_err());
    let h = hessian(|x: Tensor| x.prod(..)).call(tensor([1.0f32, 2.0, 3.0]))?;
    show("hessian of a product", h);
    Ok(())
}
