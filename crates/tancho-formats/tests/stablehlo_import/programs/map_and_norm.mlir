// The body of a map works on whole tensors; batch normalization is composed.
func.func @main(%x: tensor<2x3xf32>, %s: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = "stablehlo.map"(%x, %x) <{dimensions = array<i64: 0, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %two = stablehlo.constant dense<2.0> : tensor<f32>
    %2 = stablehlo.multiply %a, %two : tensor<f32>
    %3 = stablehlo.add %2, %b : tensor<f32>
    stablehlo.return %3 : tensor<f32>
  }) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = "stablehlo.batch_norm_inference"(%x, %s, %s, %s, %s) <{epsilon = 0.5 : f32, feature_index = 1 : i64}> : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
}
//= func @main(%x: f32[2, 3], %s: f32[3]) -> (f32[2, 3], f32[2, 3]) {
//=   %0 = constant 2.0 : f32[]
//=   %1 = broadcast_in_dim %0, dims=[] : f32[2, 3]
//=   %2 = multiply %x, %1 : f32[2, 3]
//=   %3 = add %2, %x : f32[2, 3]
//=   %4 = constant 0.5 : f32[]
//=   %5 = broadcast_in_dim %4, dims=[] : f32[3]
//=   %6 = add %s, %5 : f32[3]
//=   %7 = sqrt %6 : f32[3]
//=   %8 = broadcast_in_dim %s, dims=[1] : f32[2, 3]
//=   %9 = broadcast_in_dim %s, dims=[1] : f32[2, 3]
//=   %10 = broadcast_in_dim %s, dims=[1] : f32[2, 3]
//=   %11 = broadcast_in_dim %7, dims=[1] : f32[2, 3]
//=   %12 = subtract %x, %10 : f32[2, 3]
//=   %13 = divide %12, %11 : f32[2, 3]
//=   %14 = multiply %8, %13 : f32[2, 3]
//=   %15 = add %14, %9 : f32[2, 3]
//=   return %3, %15
//= }
