// A window over the whole axis, padded on one side, is a running fold; any other one is a window.
func.func @main(%x: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x2xf32>, tensor<8x4xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %one = stablehlo.constant dense<1.0> : tensor<f32>
  %0 = "stablehlo.reduce_window"(%x, %zero) <{padding = dense<[[7, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 8, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %4 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %4 : tensor<f32>
  }) : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
  %1 = "stablehlo.reduce_window"(%x, %zero) <{padding = dense<[[0, 0], [0, 3]]> : tensor<2x2xi64>, window_dimensions = array<i64: 1, 4>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %4 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %4 : tensor<f32>
  }) : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
  %2 = "stablehlo.reduce_window"(%x, %zero) <{window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %4 = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %4 : tensor<f32>
  }) : (tensor<8x4xf32>, tensor<f32>) -> tensor<4x2xf32>
  %3 = "stablehlo.select_and_scatter"(%x, %2, %zero) <{window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %4 = stablehlo.compare GE, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %4 : tensor<i1>
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %4 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %4 : tensor<f32>
  }) : (tensor<8x4xf32>, tensor<4x2xf32>, tensor<f32>) -> tensor<8x4xf32>
  return %0, %1, %2, %3 : tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x2xf32>, tensor<8x4xf32>
}
//= func @main.reduce_window(%0: f32[], %1: f32[]) -> f32[] {
//=   %2 = add %0, %1 : f32[]
//=   return %2
//= }
//=
//= func @main.reduce_window.2(%0: f32[], %1: f32[]) -> f32[] {
//=   %2 = maximum %0, %1 : f32[]
//=   return %2
//= }
//=
//= func @main.select(%0: f32[], %1: f32[]) -> bool[] {
//=   %2 = compare %0, %1, ge : bool[]
//=   return %2
//= }
//=
//= func @main(%x: f32[8, 4]) -> (f32[8, 4], f32[8, 4], f32[4, 2], f32[8, 4]) {
//=   %0 = constant 0.0 : f32[]
//=   %1 = scan %x, %0, axis=0, body=@main.reduce_window : f32[8, 4]
//=   %2 = scan %x, %0, axis=1, reverse=true, body=@main.reduce_window : f32[8, 4]
//=   %3 = reduce_window %x, %0, size=[2, 2], strides=[2, 2], body=@main.reduce_window.2 : f32[4, 2]
//=   %4 = select_and_scatter %x, %3, %0, size=[2, 2], strides=[2, 2], select=@main.select, scatter=@main.reduce_window : f32[8, 4]
//=   return %1, %2, %3, %4
//= }
