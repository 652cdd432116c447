// What a program writes to round a quotient down is `floordiv` and `mod` again.
func.func @main(%x: tensor<?xf32>) -> (tensor<?xi32>, tensor<?xi32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %three = stablehlo.constant dense<3> : tensor<i32>
  %five = stablehlo.constant dense<5> : tensor<i32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>
  %a = stablehlo.subtract %n, %five : tensor<i32>
  %0 = stablehlo.divide %a, %three : tensor<i32>
  %1 = stablehlo.sign %a : tensor<i32>
  %2 = stablehlo.sign %three : tensor<i32>
  %3 = stablehlo.compare NE, %1, %2, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  %4 = stablehlo.remainder %a, %three : tensor<i32>
  %5 = stablehlo.compare NE, %4, %zero, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  %6 = stablehlo.and %3, %5 : tensor<i1>
  %7 = stablehlo.subtract %0, %one : tensor<i32>
  %8 = stablehlo.select %6, %7, %0 : tensor<i1>, tensor<i32>
  %9 = stablehlo.add %8, %five : tensor<i32>
  %10 = stablehlo.reshape %9 : (tensor<i32>) -> tensor<1xi32>
  %11 = stablehlo.dynamic_iota %10, dim = 0 : (tensor<1xi32>) -> tensor<?xi32>
  %12 = stablehlo.compare LT, %4, %zero, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
  %13 = stablehlo.and %12, %5 : tensor<i1>
  %14 = stablehlo.add %4, %three : tensor<i32>
  %15 = stablehlo.select %13, %14, %4 : tensor<i1>, tensor<i32>
  %16 = stablehlo.reshape %15 : (tensor<i32>) -> tensor<1xi32>
  %17 = stablehlo.dynamic_iota %16, dim = 0 : (tensor<1xi32>) -> tensor<?xi32>
  return %11, %17 : tensor<?xi32>, tensor<?xi32>
}
//= func @main(%x: f32[?arg0_0]) -> (i32[floordiv(?arg0_0 - 5, 3) + 5], i32[mod(?arg0_0 - 5, 3)]) {
//=   require floordiv(?arg0_0 - 5, 3) + 5 >= 0
//=   %0 = iota axis=0 : i32[floordiv(?arg0_0 - 5, 3) + 5]
//=   %1 = iota axis=0 : i32[mod(?arg0_0 - 5, 3)]
//=   return %0, %1
//= }
