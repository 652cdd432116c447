// Movement of data with sizes that are stated; a splat is one element, broadcast.
func.func @main(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<1x4xf32>, tensor<5x2xf32>, tensor<2x3x4xi8>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %big = stablehlo.constant dense<2.0> : tensor<2x3xf32>
  %0 = stablehlo.add %x, %big : tensor<2x3xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.reverse %1, dims = [0] : tensor<3x2xf32>
  %3 = stablehlo.slice %x [0:1, 0:3:2] : (tensor<2x3xf32>) -> tensor<1x2xf32>
  %4 = stablehlo.pad %3, %zero, low = [0, -1], high = [0, 2], interior = [0, 1] : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x4xf32>
  %5 = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %6 = stablehlo.slice %5 [0:2, 0:2] : (tensor<3x2xf32>) -> tensor<2x2xf32>
  %7 = stablehlo.concatenate %5, %6, dim = 0 : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %8 = stablehlo.bitcast_convert %x : (tensor<2x3xf32>) -> tensor<2x3x4xi8>
  return %2, %4, %7, %8 : tensor<3x2xf32>, tensor<1x4xf32>, tensor<5x2xf32>, tensor<2x3x4xi8>
}
//= func @main(%x: f32[2, 3]) -> (f32[3, 2], f32[1, 4], f32[5, 2], i8[2, 3, 4]) {
//=   %0 = constant 0.0 : f32[]
//=   %1 = constant 2.0 : f32[]
//=   %2 = broadcast_in_dim %1, dims=[] : f32[2, 3]
//=   %3 = add %x, %2 : f32[2, 3]
//=   %4 = transpose %3, permutation=[1, 0] : f32[3, 2]
//=   %5 = reverse %4, axes=[0] : f32[3, 2]
//=   %6 = slice %x, start=[0, 0], limit=[1, 3], strides=[1, 2] : f32[1, 2]
//=   %7 = pad %6, %0, low=[0, -1], high=[0, 2], interior=[0, 1] : f32[1, 4]
//=   %8 = reshape %x : f32[3, 2]
//=   %9 = slice %8, start=[0, 0], limit=[2, 2], strides=[1, 1] : f32[2, 2]
//=   %10 = concatenate %8, %9, axis=0 : f32[5, 2]
//=   %11 = bitcast_convert %x : i8[2, 3, 4]
//=   return %5, %7, %10, %11
//= }
