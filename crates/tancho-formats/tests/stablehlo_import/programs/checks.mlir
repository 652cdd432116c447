// checks: Assertions become results, those of called functions too.
func.func public @main() {
  %0 = call @f() : () -> tensor<2xf32>
  %1 = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
  stablehlo.custom_call @check.expect_close(%0, %1) {has_side_effect = true} : (tensor<2xf32>, tensor<2xf32>) -> ()
  check.expect_almost_eq_const %0, dense<[1.0, 2.0]> : tensor<2xf32>
  return
}
func.func private @f() -> tensor<2xf32> {
  %0 = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
  check.expect_eq %0, %0 : tensor<2xf32>
  return %0 : tensor<2xf32>
}
//= func @f() -> (f32[2], f32[2], f32[2]) {
//=   %0 = constant dense<[1.0, 2.0]> : f32[2]
//=   return %0, %0, %0
//= }
//=
//= func @main() -> (f32[2], f32[2], f32[2], f32[2], f32[2], f32[2]) {
//=   %0:3 = call @f() : (f32[2], f32[2], f32[2])
//=   %1 = constant dense<[1.0, 2.0]> : f32[2]
//=   %2 = constant dense<[1.0, 2.0]> : f32[2]
//=   return %0#1, %0#2, %0#0, %1, %0#0, %2
//= }
//= ; Equal of 0 and 1 at 11:3
//= ; Close { max_ulp: 3, min_ulp: 0 } of 2 and 3 at 5:3
//= ; AlmostEqual { tolerance: 0.0001 } of 4 and 5 at 6:3
