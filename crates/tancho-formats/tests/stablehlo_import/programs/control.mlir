// What a region uses from around it becomes an operand of all regions of the op; a small constant is copied.
func.func @main(%x: tensor<100xf32>, %n: tensor<i32>, %p: tensor<i1>) -> (tensor<100xf32>, tensor<100xf32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %y = stablehlo.sine %x : tensor<100xf32>
  %0:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<100xf32>
  cond {
    %2 = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %2 : tensor<i1>
  } do {
    %2 = stablehlo.add %i, %one : tensor<i32>
    %3 = "stablehlo.if"(%p) ({
      %4 = stablehlo.add %a, %y : tensor<100xf32>
      stablehlo.return %4 : tensor<100xf32>
    }, {
      stablehlo.return %a : tensor<100xf32>
    }) : (tensor<i1>) -> tensor<100xf32>
    stablehlo.return %2, %3 : tensor<i32>, tensor<100xf32>
  }
  %1 = "stablehlo.case"(%n) ({
    stablehlo.return %x : tensor<100xf32>
  }, {
    stablehlo.return %0#1 : tensor<100xf32>
  }) : (tensor<i32>) -> tensor<100xf32>
  return %0#1, %1 : tensor<100xf32>, tensor<100xf32>
}
//= func @main.condition(%0: i32[], %1: f32[100], %2: i32[], %3: bool[], %4: f32[100]) -> bool[] {
//=   %5 = compare %0, %2, lt : bool[]
//=   return %5
//= }
//=
//= func @main.body.branch1(%0: f32[100], %1: f32[100]) -> f32[100] {
//=   return %0
//= }
//=
//= func @main.body.branch0(%0: f32[100], %1: f32[100]) -> f32[100] {
//=   %2 = add %0, %1 : f32[100]
//=   return %2
//= }
//=
//= func @main.body(%0: i32[], %1: f32[100], %2: i32[], %3: bool[], %4: f32[100]) -> (i32[], f32[100]) {
//=   %5 = constant 1 : i32[]
//=   %6 = add %0, %5 : i32[]
//=   %7 = case %3, %1, %4, branches=[@main.body.branch1, @main.body.branch0] : f32[100]
//=   return %6, %7
//= }
//=
//= func @main.branch0(%0: f32[100], %1: f32[100]) -> f32[100] {
//=   return %0
//= }
//=
//= func @main.branch1(%0: f32[100], %1: f32[100]) -> f32[100] {
//=   return %1
//= }
//=
//= func @main(%x: f32[100], %n: i32[], %p: bool[]) -> (f32[100], f32[100]) {
//=   %0 = constant 0 : i32[]
//=   %1 = sine %x : f32[100]
//=   %2:2 = while %0, %x, %n, %p, %1, condition=@main.condition, body=@main.body : (i32[], f32[100])
//=   %3 = case %n, %x, %2#1, branches=[@main.branch0, @main.branch1] : f32[100]
//=   return %2#1, %3
//= }
