// Products; narrow elements with a wide result are converted first.
func.func @main(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>, %n: tensor<3x4xi8>, %m: tensor<4x2xi8>, %x: tensor<1x6x6x2xf32>, %k: tensor<3x3x1x4xf32>) -> (tensor<2x3x5xf32>, tensor<3x2xi32>, tensor<3x2x5xf32>, tensor<1x3x6x4xf32>) {
  %0 = stablehlo.dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1], precision = [DEFAULT, HIGHEST] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  %1 = stablehlo.dot %n, %m : (tensor<3x4xi8>, tensor<4x2xi8>) -> tensor<3x2xi32>
  %2 = "stablehlo.einsum"(%a, %b) <{einsum_config = "bij,bjk->ibk"}> : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<3x2x5xf32>
  %3 = stablehlo.convolution(%x, %k) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 1], pad = [[1, 0], [1, 1]], reverse = [true, false]} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<1x6x6x2xf32>, tensor<3x3x1x4xf32>) -> tensor<1x3x6x4xf32>
  return %0, %1, %2, %3 : tensor<2x3x5xf32>, tensor<3x2xi32>, tensor<3x2x5xf32>, tensor<1x3x6x4xf32>
}
//= func @main(%a: f32[2, 3, 4], %b: f32[2, 4, 5], %n: i8[3, 4], %m: i8[4, 2], %x: f32[1, 6, 6, 2], %k: f32[3, 3, 1, 4]) -> (f32[2, 3, 5], i32[3, 2], f32[3, 2, 5], f32[1, 3, 6, 4]) {
//=   %0 = dot_general %a, %b, batch=[0]x[0], contract=[2]x[1] : f32[2, 3, 5]
//=   %1 = convert %n : i32[3, 4]
//=   %2 = convert %m : i32[4, 2]
//=   %3 = dot_general %1, %2, contract=[1]x[0] : i32[3, 2]
//=   %4 = dot_general %a, %b, batch=[0]x[0], contract=[2]x[1] : f32[2, 3, 5]
//=   %5 = transpose %4, permutation=[1, 0, 2] : f32[3, 2, 5]
//=   %6 = convolution %x, %k, lhs=[0, 3, 1, 2], rhs=[3, 2, 0, 1], output=[0, 3, 1, 2], strides=[2, 1], low=[1, 1], high=[0, 1], reversed=[0], feature_groups=2 : f32[1, 3, 6, 4]
//=   return %0, %3, %5, %6
//= }
