// A function is imported once, however often it is called, and only if it is. Tuples and tokens are resolved.
func.func @main(%x: tensor<4xf32>, %t: !stablehlo.token) -> (tensor<4xf32>, tensor<4xf32>, !stablehlo.token) {
  %0 = call @twice(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = call @twice(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.composite "library.twice" %1 {decomposition = @twice} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = stablehlo.tuple %0, %2 : tuple<tensor<4xf32>, tensor<4xf32>>
  %4 = stablehlo.get_tuple_element %3[1] : (tuple<tensor<4xf32>, tensor<4xf32>>) -> tensor<4xf32>
  %5 = stablehlo.after_all %t, %t : !stablehlo.token
  %6 = stablehlo.optimization_barrier %4 : tensor<4xf32>
  %7 = stablehlo.custom_call @Sharding(%6) {mhlo.sharding = "{replicated}"} : (tensor<4xf32>) -> tensor<4xf32>
  %8 = stablehlo.custom_call @my_function(%7) {backend_config = "fast", has_side_effect = true} : (tensor<4xf32>) -> tensor<4xf32>
  %9 = stablehlo.custom_call @mhlo.erf(%8) : (tensor<4xf32>) -> tensor<4xf32>
  return %7, %9, %5 : tensor<4xf32>, tensor<4xf32>, !stablehlo.token
}
func.func private @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @unused(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {
  return %x : tensor<4xcomplex<f32>>
}
//= func @twice(%x: f32[4]) -> f32[4] {
//=   %0 = add %x, %x : f32[4]
//=   return %0
//= }
//=
//= func @main(%x: f32[4]) -> (f32[4], f32[4]) {
//=   %0 = call @twice(%x) : f32[4]
//=   %1 = call @twice(%0) : f32[4]
//=   %2 = call @twice(%1) : f32[4]
//=   %3 = optimization_barrier %2 : f32[4]
//=   %4 = custom_call %3, target="my_function", config="fast", has_side_effect=true : f32[4]
//=   %5 = erf %4 : f32[4]
//=   return %3, %5
//= }
