// Sizes that are computed become expressions; what is asserted of them becomes a constraint.
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?xf32>, tensor<?x4xf32>) {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %four = stablehlo.constant dense<4> : tensor<1xi32>
  %zeros = stablehlo.constant dense<0> : tensor<2xi32>
  %ones = stablehlo.constant dense<1> : tensor<2xi32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x4xf32>) -> tensor<i32>
  %ok = stablehlo.compare GE, %n, %one, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  stablehlo.custom_call @shape_assertion(%ok, %n) {error_message = "too small", has_side_effect = true} : (tensor<i1>, tensor<i32>) -> ()
  %0:3 = call @inner(%n, %x) : (tensor<i32>, tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?xf32>, tensor<?x4xf32>)
  return %0#0, %0#1, %0#2 : tensor<?x4xf32>, tensor<?xf32>, tensor<?x4xf32>
}
func.func private @inner(%b: tensor<i32> {jax.global_constant = "b"}, %x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?xf32>, tensor<?x4xf32>) {
  %c = stablehlo.constant dense<1.0> : tensor<f32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %four = stablehlo.constant dense<4> : tensor<i32>
  %fours = stablehlo.constant dense<4> : tensor<1xi32>
  %zeros = stablehlo.constant dense<0> : tensor<2xi32>
  %ones = stablehlo.constant dense<1> : tensor<2xi32>
  %0 = stablehlo.reshape %b : (tensor<i32>) -> tensor<1xi32>
  %1 = stablehlo.concatenate %0, %fours, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %2 = stablehlo.dynamic_broadcast_in_dim %c, %1, dims = [] : (tensor<f32>, tensor<2xi32>) -> tensor<?x4xf32>
  %3 = stablehlo.add %x, %2 : tensor<?x4xf32>
  %4 = stablehlo.multiply %b, %four : tensor<i32>
  %5 = stablehlo.reshape %4 : (tensor<i32>) -> tensor<1xi32>
  %6 = stablehlo.dynamic_reshape %3, %5 : (tensor<?x4xf32>, tensor<1xi32>) -> tensor<?xf32>
  %7 = stablehlo.subtract %b, %one : tensor<i32>
  %8 = stablehlo.reshape %7 : (tensor<i32>) -> tensor<1xi32>
  %9 = stablehlo.concatenate %8, %fours, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %10 = stablehlo.real_dynamic_slice %x, %zeros, %9, %ones : (tensor<?x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<?x4xf32>
  return %3, %6, %10 : tensor<?x4xf32>, tensor<?xf32>, tensor<?x4xf32>
}
//= func @main(%x: f32[?b, 4]) -> (f32[?b, 4], f32[4*?b], f32[?b - 1, 4]) {
//=   require ?b >= 1
//=   require ?b - 1 >= 0
//=   %0 = constant 1.0 : f32[]
//=   %1 = broadcast_in_dim %0, dims=[] : f32[?b, 4]
//=   %2 = add %x, %1 : f32[?b, 4]
//=   %3 = reshape %2 : f32[4*?b]
//=   %4 = slice %x, start=[0, 0], limit=[?b - 1, 4], strides=[1, 1] : f32[?b - 1, 4]
//=   return %2, %3, %4
//= }
