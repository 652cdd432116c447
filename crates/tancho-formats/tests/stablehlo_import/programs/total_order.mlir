// Floats in total order are compared by integers that are ordered so; integers are in order anyway.
func.func @main(%x: tensor<3xf16>, %y: tensor<3xf16>, %i: tensor<3xi32>) -> (tensor<3xi1>, tensor<3xi1>) {
  %0 = stablehlo.compare LT, %x, %y, TOTALORDER : (tensor<3xf16>, tensor<3xf16>) -> tensor<3xi1>
  %1 = stablehlo.compare GE, %i, %i, TOTALORDER : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %0, %1 : tensor<3xi1>, tensor<3xi1>
}
//= func @main(%x: f16[3], %y: f16[3], %i: i32[3]) -> (bool[3], bool[3]) {
//=   %0 = bitcast_convert %x : i16[3]
//=   %1 = constant 15 : i16[]
//=   %2 = broadcast_in_dim %1, dims=[] : i16[3]
//=   %3 = shift_right_arithmetic %0, %2 : i16[3]
//=   %4 = constant 1 : i16[]
//=   %5 = broadcast_in_dim %4, dims=[] : i16[3]
//=   %6 = shift_right_logical %3, %5 : i16[3]
//=   %7 = xor %0, %6 : i16[3]
//=   %8 = bitcast_convert %y : i16[3]
//=   %9 = constant 15 : i16[]
//=   %10 = broadcast_in_dim %9, dims=[] : i16[3]
//=   %11 = shift_right_arithmetic %8, %10 : i16[3]
//=   %12 = constant 1 : i16[]
//=   %13 = broadcast_in_dim %12, dims=[] : i16[3]
//=   %14 = shift_right_logical %11, %13 : i16[3]
//=   %15 = xor %8, %14 : i16[3]
//=   %16 = compare %7, %15, lt : bool[3]
//=   %17 = compare %i, %i, ge : bool[3]
//=   return %16, %17
//= }
