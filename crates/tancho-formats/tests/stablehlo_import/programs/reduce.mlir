// A body of one op has an op of its own; an initial value that changes something is folded in at the end.
func.func @main(%x: tensor<2x3xf32>, %p: tensor<2x3xi1>, %start: tensor<f32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<i1>, tensor<2xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %false = stablehlo.constant dense<false> : tensor<i1>
  %0 = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = stablehlo.reduce(%x init: %start) applies stablehlo.maximum across dimensions = [0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<3xf32>
  %2 = stablehlo.reduce(%p init: %false) applies stablehlo.maximum across dimensions = [0, 1] : (tensor<2x3xi1>, tensor<i1>) -> tensor<i1>
  %3 = stablehlo.reduce(%x init: %zero) across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
   reducer(%a: tensor<f32>, %b: tensor<f32>) {
    %two = stablehlo.constant dense<2.0> : tensor<f32>
    %4 = stablehlo.multiply %b, %two : tensor<f32>
    %5 = stablehlo.add %a, %4 : tensor<f32>
    stablehlo.return %5 : tensor<f32>
  }
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<3xf32>, tensor<i1>, tensor<2xf32>
}
//= func @main.reduce.3(%0: f32[], %1: f32[]) -> f32[] {
//=   %2 = constant 2.0 : f32[]
//=   %3 = multiply %1, %2 : f32[]
//=   %4 = add %0, %3 : f32[]
//=   return %4
//= }
//=
//= func @main(%x: f32[2, 3], %p: bool[2, 3], %start: f32[]) -> (f32[2], f32[3], bool[], f32[2]) {
//=   %0 = constant 0.0 : f32[]
//=   %1 = reduce_sum %x, axes=[1] : f32[2]
//=   %2 = reduce_max %x, axes=[0] : f32[3]
//=   %3 = broadcast_in_dim %start, dims=[] : f32[3]
//=   %4 = maximum %3, %2 : f32[3]
//=   %5 = reduce_or %p, axes=[0, 1] : bool[]
//=   %6 = reduce %x, %0, axes=[1], body=@main.reduce.3 : f32[2]
//=   return %1, %4, %5, %6
//= }
