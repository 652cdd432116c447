// A region that uses a size gets an operand that has it, even where no other operand does.
func.func @main(%x: tensor<?x2xf32>, %k: tensor<i32>) -> tensor<?xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %c = stablehlo.constant dense<0.5> : tensor<f32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x2xf32>) -> tensor<i32>
  %next = stablehlo.add %n, %one : tensor<i32>
  %shape = stablehlo.reshape %next : (tensor<i32>) -> tensor<1xi32>
  %start = stablehlo.dynamic_broadcast_in_dim %c, %shape, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
  %0:2 = stablehlo.while(%i = %zero, %a = %start) : tensor<i32>, tensor<?xf32>
  cond {
    %2 = stablehlo.compare LT, %i, %k : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %2 : tensor<i1>
  } do {
    %2 = stablehlo.dynamic_broadcast_in_dim %c, %shape, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
    %3 = stablehlo.add %a, %2 : tensor<?xf32>
    %4 = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %4, %3 : tensor<i32>, tensor<?xf32>
  }
  return %0#1 : tensor<?xf32>
}
//= func @main.condition(%0: i32[], %1: f32[?arg0_0 + 1], %2: i32[], %3: f32[?arg0_0, 2]) -> bool[] {
//=   %4 = compare %0, %2, lt : bool[]
//=   return %4
//= }
//=
//= func @main.body(%0: i32[], %1: f32[?arg0_0 + 1], %2: i32[], %3: f32[?arg0_0, 2]) -> (i32[], f32[?arg0_0 + 1]) {
//=   %4 = constant 0.5 : f32[]
//=   %5 = broadcast_in_dim %4, dims=[] : f32[?arg0_0 + 1]
//=   %6 = add %1, %5 : f32[?arg0_0 + 1]
//=   %7 = constant 1 : i32[]
//=   %8 = add %0, %7 : i32[]
//=   return %8, %6
//= }
//=
//= func @main(%x: f32[?arg0_0, 2], %k: i32[]) -> f32[?arg0_0 + 1] {
//=   %0 = constant 0 : i32[]
//=   %1 = constant 0.5 : f32[]
//=   %2 = broadcast_in_dim %1, dims=[] : f32[?arg0_0 + 1]
//=   %3:2 = while %0, %2, %k, %x, condition=@main.condition, body=@main.body : (i32[], f32[?arg0_0 + 1])
//=   return %3#1
//= }
