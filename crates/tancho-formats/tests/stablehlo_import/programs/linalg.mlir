// Factors, systems, random bits; and the calls of LAPACK that JAX writes for its CPU.
func.func @main(%a: tensor<3x3xf32>, %b: tensor<3x2xf32>, %s: tensor<2xui64>) -> (tensor<3x3xf32>, tensor<3x2xf32>, tensor<2xui64>, tensor<5xui32>, tensor<3x3xf32>, tensor<i32>) {
  %0 = stablehlo.cholesky %a, lower = true : tensor<3x3xf32>
  %1 = "stablehlo.triangular_solve"(%0, %b) <{left_side = true, lower = true, transpose_a = #stablehlo<transpose ADJOINT>, unit_diagonal = false}> : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %state, %bits = stablehlo.rng_bit_generator %s, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<5xui32>)
  %2:2 = stablehlo.custom_call @lapack_spotrf_ffi(%a) {mhlo.backend_config = {uplo = 76 : ui8}} : (tensor<3x3xf32>) -> (tensor<3x3xf32>, tensor<i32>)
  return %0, %1, %state, %bits, %2#0, %2#1 : tensor<3x3xf32>, tensor<3x2xf32>, tensor<2xui64>, tensor<5xui32>, tensor<3x3xf32>, tensor<i32>
}
//= func @main(%a: f32[3, 3], %b: f32[3, 2], %s: u64[2]) -> (f32[3, 3], f32[3, 2], u64[2], u32[5], f32[3, 3], i32[]) {
//=   %0 = cholesky %a, lower=true : f32[3, 3]
//=   %1 = triangular_solve %0, %b, left_side=true, lower=true, transpose=true : f32[3, 2]
//=   %2:2 = rng_bit_generator %s, algorithm=threefry : (u64[2], u32[5])
//=   %3 = cholesky %a, lower=true : f32[3, 3]
//=   %4 = reduce_sum %3, axes=[0, 1] : f32[]
//=   %5 = compare %4, %4, ne : bool[]
//=   %6 = convert %5 : i32[]
//=   return %0, %1, %2#0, %2#1, %3, %6
//= }
