// The body that JAX writes for argmax and its mirror image; a body that prefers the last of equals stays a reduce.
func.func @main(%x: tensor<2x5xf32>, %y: tensor<5xi32>) -> (tensor<2xi32>, tensor<2xf32>, tensor<i64>, tensor<i64>) {
  %inf = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %max = stablehlo.constant dense<2147483647> : tensor<i32>
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %zero64 = stablehlo.constant dense<0> : tensor<i64>
  %i = stablehlo.iota dim = 1 : tensor<2x5xi32>
  %j = stablehlo.iota dim = 0 : tensor<5xi64>
  %0:2 = stablehlo.reduce(%x init: %inf), (%i init: %zero) across dimensions = [1] : (tensor<2x5xf32>, tensor<2x5xi32>, tensor<f32>, tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>)
   reducer(%a: tensor<f32>, %c: tensor<f32>) (%b: tensor<i32>, %d: tensor<i32>) {
    %2 = stablehlo.compare GT, %a, %c, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %3 = stablehlo.compare NE, %a, %a, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %4 = stablehlo.or %2, %3 : tensor<i1>
    %5 = stablehlo.compare EQ, %a, %c, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %6 = stablehlo.compare LT, %b, %d, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %7 = stablehlo.and %5, %6 : tensor<i1>
    %8 = stablehlo.or %4, %7 : tensor<i1>
    %9 = stablehlo.select %4, %a, %c : tensor<i1>, tensor<f32>
    %10 = stablehlo.select %8, %b, %d : tensor<i1>, tensor<i32>
    stablehlo.return %9, %10 : tensor<f32>, tensor<i32>
  }
  %1:2 = stablehlo.reduce(%y init: %max), (%j init: %zero64) across dimensions = [0] : (tensor<5xi32>, tensor<5xi64>, tensor<i32>, tensor<i64>) -> (tensor<i32>, tensor<i64>)
   reducer(%a: tensor<i32>, %c: tensor<i32>) (%b: tensor<i64>, %d: tensor<i64>) {
    %2 = stablehlo.compare LE, %a, %c : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %3 = stablehlo.select %2, %a, %c : tensor<i1>, tensor<i32>
    %4 = stablehlo.select %2, %b, %d : tensor<i1>, tensor<i64>
    stablehlo.return %3, %4 : tensor<i32>, tensor<i64>
  }
  %11:2 = stablehlo.reduce(%y init: %max), (%j init: %zero64) across dimensions = [0] : (tensor<5xi32>, tensor<5xi64>, tensor<i32>, tensor<i64>) -> (tensor<i32>, tensor<i64>)
   reducer(%a: tensor<i32>, %c: tensor<i32>) (%b: tensor<i64>, %d: tensor<i64>) {
    %2 = stablehlo.compare LT, %a, %c : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %3 = stablehlo.select %2, %a, %c : tensor<i1>, tensor<i32>
    %4 = stablehlo.select %2, %b, %d : tensor<i1>, tensor<i64>
    stablehlo.return %3, %4 : tensor<i32>, tensor<i64>
  }
  return %0#1, %0#0, %1#1, %11#1 : tensor<2xi32>, tensor<2xf32>, tensor<i64>, tensor<i64>
}
//= func @main.reduce.2(%0: i32[], %1: i64[], %2: i32[], %3: i64[]) -> (i32[], i64[]) {
//=   %4 = compare %0, %2, lt : bool[]
//=   %5 = select %4, %0, %2 : i32[]
//=   %6 = select %4, %1, %3 : i64[]
//=   return %5, %6
//= }
//=
//= func @main(%x: f32[2, 5], %y: i32[5]) -> (i32[2], f32[2], i64[], i64[]) {
//=   %0 = constant 2147483647 : i32[]
//=   %1 = constant 0 : i64[]
//=   %2 = iota axis=0 : i64[5]
//=   %3 = reduce_max %x, axes=[1] : f32[2]
//=   %4 = argmax %x, axes=[1] : i32[2]
//=   %5 = argmin %y, axes=[0] : i64[]
//=   %6:2 = reduce %y, %2, %0, %1, axes=[0], body=@main.reduce.2 : (i32[], i64[])
//=   return %4, %3, %5, %6#1
//= }
