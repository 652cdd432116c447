// Unary, binary and ternary ops keep their names; casts between equal types disappear.
func.func @main(%x: tensor<2x3xf32>, %n: tensor<4xui8>, %p: tensor<2x3xi1>) -> (tensor<2x3xf32>, tensor<4xui8>, tensor<2x3xi1>, tensor<2x3xf64>) {
  %low = stablehlo.constant dense<-1.0> : tensor<f32>
  %high = stablehlo.constant dense<1.0> : tensor<f32>
  %0 = stablehlo.tanh %x : tensor<2x3xf32>
  %1 = stablehlo.atan2 %0, %x : tensor<2x3xf32>
  %2 = stablehlo.clamp %low, %1, %high : (tensor<f32>, tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %3 = stablehlo.select %p, %2, %x : tensor<2x3xi1>, tensor<2x3xf32>
  %4 = stablehlo.reduce_precision %3, format = e5m10 : tensor<2x3xf32>
  %5 = stablehlo.convert %4 : tensor<2x3xf32>
  %6 = stablehlo.sign %n : tensor<4xui8>
  %7 = stablehlo.abs %6 : tensor<4xui8>
  %8 = stablehlo.add %p, %p : tensor<2x3xi1>
  %9 = stablehlo.convert %5 : (tensor<2x3xf32>) -> tensor<2x3xf64>
  return %5, %7, %8, %9 : tensor<2x3xf32>, tensor<4xui8>, tensor<2x3xi1>, tensor<2x3xf64>
}
//= func @main(%x: f32[2, 3], %n: u8[4], %p: bool[2, 3]) -> (f32[2, 3], u8[4], bool[2, 3], f64[2, 3]) {
//=   %0 = constant -1.0 : f32[]
//=   %1 = constant 1.0 : f32[]
//=   %2 = tanh %x : f32[2, 3]
//=   %3 = atan2 %2, %x : f32[2, 3]
//=   %4 = clamp %0, %3, %1 : f32[2, 3]
//=   %5 = select %p, %4, %x : f32[2, 3]
//=   %6 = reduce_precision %5, exponent_bits=5, mantissa_bits=10 : f32[2, 3]
//=   %7 = constant 1 : u8[]
//=   %8 = broadcast_in_dim %7, dims=[] : u8[4]
//=   %9 = minimum %n, %8 : u8[4]
//=   %10 = add %p, %p : bool[2, 3]
//=   %11 = convert %6 : f64[2, 3]
//=   return %6, %9, %10, %11
//= }
