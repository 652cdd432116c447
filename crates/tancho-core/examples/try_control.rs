use tancho_core::*;
fn main() -> Result<()> {
    let show = |name: &str, f: &(dyn Fn(Tensor) -> Tensor + Send + Sync)| {
        let x = tensor([0.5f32, -0.25, 0.75]);
        let slope = grad(|x: Tensor| f(x).sum(..));
        println!("{name} eager  {:?}", slope.call(x.clone()).map(|g| g.to_vec::<f32>()));
        let traced = function(grad(|x: Tensor| f(x).sum(..)));
        println!("{name} traced {:?}", traced.call(&x).map(|g| g.to_vec::<f32>()));
    };
    show("cond", &|x| cond(x.sum(..).gt(0), || x.square(), || x.sin()));
    show("switch", &|x| switch(tensor(1), (|| x.square(), || x.sin())));
    show("for 3", &|x| for_loop(3, x.clone(), |_, y| y.square() * &x));
    show("for 20", &|x| for_loop(20, x.clone(), |_, y| y.sin() * &x));
    show("while bounded", &|x| while_loop_bounded(30i64, x.clone(), |y| y.square().sum(..).gt(0.0001f32), |y| y.sin() * &x));
    show("scan 3", &|x| scan(tensor(1.0f32), x, |c, x| (&c * &x, c + x)).1);
    let w = tensor(2.0f32);
    show("scan 30", &|x| scan(x, iota(DType::F32, [30], 0) * 0.01f32, |c, x| ((&c * &x).sin() * &w, c.sum(..) + x)).1);
    show("reverse 30", &|x| scan_reverse(x, iota(DType::F32, [30], 0) * 0.01f32, |c, x| ((&c * &x).sin() * &w, c.sum(..) + x)).1);
    show("map", &|x| map(concat([&x, &x, &x, &x], 0), |x| x.square()));
    Ok(())
}
