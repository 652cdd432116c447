module @adam_step attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<8xf32>, %arg1: tensor<3xf32>, %arg2: tensor<6x8xf32>, %arg3: tensor<8x3xf32>, %arg4: tensor<8xf32>, %arg5: tensor<3xf32>, %arg6: tensor<6x8xf32>, %arg7: tensor<8x3xf32>, %arg8: tensor<8xf32>, %arg9: tensor<3xf32>, %arg10: tensor<6x8xf32>, %arg11: tensor<8x3xf32>, %arg12: tensor<f32>, %arg13: tensor<7x6xf32>, %arg14: tensor<7xi32>) -> (tensor<f32> {jax.result_info = "result[0]"}, tensor<8xf32> {jax.result_info = "result[1]['b1']"}, tensor<3xf32> {jax.result_info = "result[1]['b2']"}, tensor<6x8xf32> {jax.result_info = "result[1]['w1']"}, tensor<8x3xf32> {jax.result_info = "result[1]['w2']"}, tensor<8xf32> {jax.result_info = "result[2]['b1']"}, tensor<3xf32> {jax.result_info = "result[2]['b2']"}, tensor<6x8xf32> {jax.result_info = "result[2]['w1']"}, tensor<8x3xf32> {jax.result_info = "result[2]['w2']"}, tensor<8xf32> {jax.result_info = "result[3]['b1']"}, tensor<3xf32> {jax.result_info = "result[3]['b2']"}, tensor<6x8xf32> {jax.result_info = "result[3]['w1']"}, tensor<8x3xf32> {jax.result_info = "result[3]['w2']"}, tensor<f32> {jax.result_info = "result[4]"}) {
    %0 = stablehlo.dot_general %arg13, %arg2, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<7x6xf32>, tensor<6x8xf32>) -> tensor<7x8xf32>
    %1 = stablehlo.broadcast_in_dim %arg0, dims = [1] : (tensor<8xf32>) -> tensor<1x8xf32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<1x8xf32>) -> tensor<7x8xf32>
    %3 = stablehlo.add %0, %2 : tensor<7x8xf32>
    %4 = stablehlo.tanh %3 : tensor<7x8xf32>
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %5 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<7x8xf32>
    %6 = stablehlo.subtract %5, %4 : tensor<7x8xf32>
    %7 = stablehlo.dot_general %4, %arg3, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<7x8xf32>, tensor<8x3xf32>) -> tensor<7x3xf32>
    %8 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<3xf32>) -> tensor<1x3xf32>
    %9 = stablehlo.broadcast_in_dim %8, dims = [0, 1] : (tensor<1x3xf32>) -> tensor<7x3xf32>
    %10 = stablehlo.add %7, %9 : tensor<7x3xf32>
    %cst_0 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %11 = stablehlo.reduce(%10 init: %cst_0) applies stablehlo.maximum across dimensions = [1] : (tensor<7x3xf32>, tensor<f32>) -> tensor<7xf32>
    %12 = stablehlo.reshape %11 : (tensor<7xf32>) -> tensor<7x1xf32>
    %13 = stablehlo.broadcast_in_dim %12, dims = [0, 1] : (tensor<7x1xf32>) -> tensor<7x3xf32>
    %14 = stablehlo.compare EQ, %10, %13, FLOAT : (tensor<7x3xf32>, tensor<7x3xf32>) -> tensor<7x3xi1>
    %15 = stablehlo.convert %14 : (tensor<7x3xi1>) -> tensor<7x3xf32>
    %cst_1 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %16 = stablehlo.reduce(%15 init: %cst_1) applies stablehlo.add across dimensions = [1] : (tensor<7x3xf32>, tensor<f32>) -> tensor<7xf32>
    %cst_2 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %17 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %18 = stablehlo.maximum %17, %11 : tensor<7xf32>
    %19 = stablehlo.compare EQ, %11, %18, FLOAT : (tensor<7xf32>, tensor<7xf32>) -> tensor<7xi1>
    %cst_3 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %20 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %cst_4 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %21 = stablehlo.broadcast_in_dim %cst_4, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %22 = stablehlo.select %19, %20, %21 : tensor<7xi1>, tensor<7xf32>
    %cst_5 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %23 = stablehlo.broadcast_in_dim %cst_5, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %24 = stablehlo.compare EQ, %23, %18, FLOAT : (tensor<7xf32>, tensor<7xf32>) -> tensor<7xi1>
    %cst_6 = stablehlo.constant dense<2.000000e+00> : tensor<f32>
    %25 = stablehlo.broadcast_in_dim %cst_6, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %cst_7 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %26 = stablehlo.broadcast_in_dim %cst_7, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %27 = stablehlo.select %24, %25, %26 : tensor<7xi1>, tensor<7xf32>
    %28 = stablehlo.divide %22, %27 : tensor<7xf32>
    %29 = stablehlo.is_finite %18 : (tensor<7xf32>) -> tensor<7xi1>
    %cst_8 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %30 = stablehlo.broadcast_in_dim %cst_8, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %31 = stablehlo.select %29, %18, %30 : tensor<7xi1>, tensor<7xf32>
    %cst_9 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %32 = stablehlo.broadcast_in_dim %cst_9, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %33 = stablehlo.broadcast_in_dim %31, dims = [0] : (tensor<7xf32>) -> tensor<7x1xf32>
    %34 = stablehlo.broadcast_in_dim %33, dims = [0, 1] : (tensor<7x1xf32>) -> tensor<7x3xf32>
    %35 = stablehlo.subtract %10, %34 : tensor<7x3xf32>
    %36 = stablehlo.exponential %35 : tensor<7x3xf32>
    %cst_10 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %37 = stablehlo.reduce(%36 init: %cst_10) applies stablehlo.add across dimensions = [1] : (tensor<7x3xf32>, tensor<f32>) -> tensor<7xf32>
    %38 = stablehlo.sign %37 : tensor<7xf32>
    %39 = stablehlo.abs %37 : tensor<7xf32>
    %cst_11 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %40 = stablehlo.broadcast_in_dim %cst_11, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %41 = stablehlo.compare GE, %37, %40, FLOAT : (tensor<7xf32>, tensor<7xf32>) -> tensor<7xi1>
    %42 = stablehlo.log %39 : tensor<7xf32>
    %43 = stablehlo.add %42, %31 : tensor<7xf32>
    %44 = stablehlo.broadcast_in_dim %arg14, dims = [0] : (tensor<7xi32>) -> tensor<7x1xi32>
    %45:2 = call @take_along_axis(%10, %44) : (tensor<7x3xf32>, tensor<7x1xi32>) -> (tensor<7x1xf32>, tensor<7x1x1xi32>)
    %46 = stablehlo.reshape %45#0 : (tensor<7x1xf32>) -> tensor<7xf32>
    %47 = stablehlo.subtract %43, %46 : tensor<7xf32>
    %cst_12 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %48 = stablehlo.reduce(%47 init: %cst_12) applies stablehlo.add across dimensions = [0] : (tensor<7xf32>, tensor<f32>) -> tensor<f32>
    %cst_13 = stablehlo.constant dense<7.000000e+00> : tensor<f32>
    %49 = stablehlo.divide %48, %cst_13 : tensor<f32>
    %cst_14 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %cst_15 = stablehlo.constant dense<7.000000e+00> : tensor<f32>
    %50 = stablehlo.divide %cst_14, %cst_15 : tensor<f32>
    %51 = stablehlo.broadcast_in_dim %50, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %52 = stablehlo.negate %51 : tensor<7xf32>
    %53 = stablehlo.broadcast_in_dim %52, dims = [0] : (tensor<7xf32>) -> tensor<7x1xf32>
    %54 = call @take_along_axis_0(%45#1, %53) : (tensor<7x1x1xi32>, tensor<7x1xf32>) -> tensor<7x3xf32>
    %55 = stablehlo.divide %51, %39 : tensor<7xf32>
    %cst_16 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %56 = stablehlo.broadcast_in_dim %cst_16, dims = [] : (tensor<f32>) -> tensor<7xf32>
    %57 = stablehlo.select %41, %56, %55 : tensor<7xi1>, tensor<7xf32>
    %58 = stablehlo.select %41, %55, %56 : tensor<7xi1>, tensor<7xf32>
    %59 = stablehlo.negate %57 : tensor<7xf32>
    %60 = stablehlo.add %58, %59 : tensor<7xf32>
    %61 = stablehlo.broadcast_in_dim %60, dims = [0] : (tensor<7xf32>) -> tensor<7x3xf32>
    %62 = stablehlo.multiply %61, %36 : tensor<7x3xf32>
    %63 = stablehlo.add %54, %62 : tensor<7x3xf32>
    %cst_17 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %64 = stablehlo.reduce(%63 init: %cst_17) applies stablehlo.add across dimensions = [0] : (tensor<7x3xf32>, tensor<f32>) -> tensor<3xf32>
    %65 = stablehlo.reshape %64 : (tensor<3xf32>) -> tensor<1x3xf32>
    %cst_18 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %66 = stablehlo.reduce(%65 init: %cst_18) applies stablehlo.add across dimensions = [0] : (tensor<1x3xf32>, tensor<f32>) -> tensor<3xf32>
    %67 = stablehlo.dot_general %63, %4, contracting_dims = [0] x [0], precision = [DEFAULT, DEFAULT] : (tensor<7x3xf32>, tensor<7x8xf32>) -> tensor<3x8xf32>
    %68 = stablehlo.transpose %67, dims = [1, 0] : (tensor<3x8xf32>) -> tensor<8x3xf32>
    %69 = stablehlo.dot_general %63, %arg3, contracting_dims = [1] x [1], precision = [DEFAULT, DEFAULT] : (tensor<7x3xf32>, tensor<8x3xf32>) -> tensor<7x8xf32>
    %70 = stablehlo.multiply %69, %6 : tensor<7x8xf32>
    %71 = stablehlo.multiply %70, %4 : tensor<7x8xf32>
    %72 = stablehlo.add %70, %71 : tensor<7x8xf32>
    %cst_19 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %73 = stablehlo.reduce(%72 init: %cst_19) applies stablehlo.add across dimensions = [0] : (tensor<7x8xf32>, tensor<f32>) -> tensor<8xf32>
    %74 = stablehlo.reshape %73 : (tensor<8xf32>) -> tensor<1x8xf32>
    %cst_20 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %75 = stablehlo.reduce(%74 init: %cst_20) applies stablehlo.add across dimensions = [0] : (tensor<1x8xf32>, tensor<f32>) -> tensor<8xf32>
    %76 = stablehlo.dot_general %72, %arg13, contracting_dims = [0] x [0], precision = [DEFAULT, DEFAULT] : (tensor<7x8xf32>, tensor<7x6xf32>) -> tensor<8x6xf32>
    %77 = stablehlo.transpose %76, dims = [1, 0] : (tensor<8x6xf32>) -> tensor<6x8xf32>
    %cst_21 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %78 = stablehlo.broadcast_in_dim %cst_21, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %79 = stablehlo.multiply %78, %arg4 : tensor<8xf32>
    %cst_22 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %80 = stablehlo.broadcast_in_dim %cst_22, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %81 = stablehlo.multiply %80, %75 : tensor<8xf32>
    %82 = stablehlo.add %79, %81 : tensor<8xf32>
    %cst_23 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %83 = stablehlo.broadcast_in_dim %cst_23, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %84 = stablehlo.multiply %83, %arg5 : tensor<3xf32>
    %cst_24 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %85 = stablehlo.broadcast_in_dim %cst_24, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %86 = stablehlo.multiply %85, %66 : tensor<3xf32>
    %87 = stablehlo.add %84, %86 : tensor<3xf32>
    %cst_25 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %88 = stablehlo.broadcast_in_dim %cst_25, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %89 = stablehlo.multiply %88, %arg6 : tensor<6x8xf32>
    %cst_26 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %90 = stablehlo.broadcast_in_dim %cst_26, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %91 = stablehlo.multiply %90, %77 : tensor<6x8xf32>
    %92 = stablehlo.add %89, %91 : tensor<6x8xf32>
    %cst_27 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %93 = stablehlo.broadcast_in_dim %cst_27, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %94 = stablehlo.multiply %93, %arg7 : tensor<8x3xf32>
    %cst_28 = stablehlo.constant dense<1.000000e-01> : tensor<f32>
    %95 = stablehlo.broadcast_in_dim %cst_28, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %96 = stablehlo.multiply %95, %68 : tensor<8x3xf32>
    %97 = stablehlo.add %94, %96 : tensor<8x3xf32>
    %cst_29 = stablehlo.constant dense<9.990000e-01> : tensor<f32>
    %98 = stablehlo.broadcast_in_dim %cst_29, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %99 = stablehlo.multiply %98, %arg8 : tensor<8xf32>
    %cst_30 = stablehlo.constant dense<1.000000e-03> : tensor<f32>
    %100 = stablehlo.broadcast_in_dim %cst_30, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %101 = stablehlo.multiply %100, %75 : tensor<8xf32>
    %102 = stablehlo.multiply %101, %75 : tensor<8xf32>
    %103 = stablehlo.add %99, %102 : tensor<8xf32>
    %cst_31 = stablehlo.constant dense<9.990000e-01> : tensor<f32>
    %104 = stablehlo.broadcast_in_dim %cst_31, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %105 = stablehlo.multiply %104, %arg9 : tensor<3xf32>
    %cst_32 = stablehlo.constant dense<1.000000e-03> : tensor<f32>
    %106 = stablehlo.broadcast_in_dim %cst_32, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %107 = stablehlo.multiply %106, %66 : tensor<3xf32>
    %108 = stablehlo.multiply %107, %66 : tensor<3xf32>
    %109 = stablehlo.add %105, %108 : tensor<3xf32>
    %cst_33 = stablehlo.constant dense<9.990000e-01> : tensor<f32>
    %110 = stablehlo.broadcast_in_dim %cst_33, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %111 = stablehlo.multiply %110, %arg10 : tensor<6x8xf32>
    %cst_34 = stablehlo.constant dense<1.000000e-03> : tensor<f32>
    %112 = stablehlo.broadcast_in_dim %cst_34, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %113 = stablehlo.multiply %112, %77 : tensor<6x8xf32>
    %114 = stablehlo.multiply %113, %77 : tensor<6x8xf32>
    %115 = stablehlo.add %111, %114 : tensor<6x8xf32>
    %cst_35 = stablehlo.constant dense<9.990000e-01> : tensor<f32>
    %116 = stablehlo.broadcast_in_dim %cst_35, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %117 = stablehlo.multiply %116, %arg11 : tensor<8x3xf32>
    %cst_36 = stablehlo.constant dense<1.000000e-03> : tensor<f32>
    %118 = stablehlo.broadcast_in_dim %cst_36, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %119 = stablehlo.multiply %118, %68 : tensor<8x3xf32>
    %120 = stablehlo.multiply %119, %68 : tensor<8x3xf32>
    %121 = stablehlo.add %117, %120 : tensor<8x3xf32>
    %cst_37 = stablehlo.constant dense<9.990000e-01> : tensor<f32>
    %122 = stablehlo.power %cst_37, %arg12 : tensor<f32>
    %cst_38 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %123 = stablehlo.subtract %cst_38, %122 : tensor<f32>
    %124 = stablehlo.sqrt %123 : tensor<f32>
    %cst_39 = stablehlo.constant dense<0.899999976> : tensor<f32>
    %125 = stablehlo.power %cst_39, %arg12 : tensor<f32>
    %cst_40 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %126 = stablehlo.subtract %cst_40, %125 : tensor<f32>
    %127 = stablehlo.divide %124, %126 : tensor<f32>
    %cst_41 = stablehlo.constant dense<0.00999999977> : tensor<f32>
    %128 = stablehlo.multiply %cst_41, %127 : tensor<f32>
    %129 = stablehlo.broadcast_in_dim %128, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %130 = stablehlo.multiply %129, %82 : tensor<8xf32>
    %131 = stablehlo.sqrt %103 : tensor<8xf32>
    %cst_42 = stablehlo.constant dense<9.99999993E-9> : tensor<f32>
    %132 = stablehlo.broadcast_in_dim %cst_42, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %133 = stablehlo.add %131, %132 : tensor<8xf32>
    %134 = stablehlo.divide %130, %133 : tensor<8xf32>
    %135 = stablehlo.subtract %arg0, %134 : tensor<8xf32>
    %cst_43 = stablehlo.constant dense<0.00999999977> : tensor<f32>
    %136 = stablehlo.multiply %cst_43, %127 : tensor<f32>
    %137 = stablehlo.broadcast_in_dim %136, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %138 = stablehlo.multiply %137, %87 : tensor<3xf32>
    %139 = stablehlo.sqrt %109 : tensor<3xf32>
    %cst_44 = stablehlo.constant dense<9.99999993E-9> : tensor<f32>
    %140 = stablehlo.broadcast_in_dim %cst_44, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %141 = stablehlo.add %139, %140 : tensor<3xf32>
    %142 = stablehlo.divide %138, %141 : tensor<3xf32>
    %143 = stablehlo.subtract %arg1, %142 : tensor<3xf32>
    %cst_45 = stablehlo.constant dense<0.00999999977> : tensor<f32>
    %144 = stablehlo.multiply %cst_45, %127 : tensor<f32>
    %145 = stablehlo.broadcast_in_dim %144, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %146 = stablehlo.multiply %145, %92 : tensor<6x8xf32>
    %147 = stablehlo.sqrt %115 : tensor<6x8xf32>
    %cst_46 = stablehlo.constant dense<9.99999993E-9> : tensor<f32>
    %148 = stablehlo.broadcast_in_dim %cst_46, dims = [] : (tensor<f32>) -> tensor<6x8xf32>
    %149 = stablehlo.add %147, %148 : tensor<6x8xf32>
    %150 = stablehlo.divide %146, %149 : tensor<6x8xf32>
    %151 = stablehlo.subtract %arg2, %150 : tensor<6x8xf32>
    %cst_47 = stablehlo.constant dense<0.00999999977> : tensor<f32>
    %152 = stablehlo.multiply %cst_47, %127 : tensor<f32>
    %153 = stablehlo.broadcast_in_dim %152, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %154 = stablehlo.multiply %153, %97 : tensor<8x3xf32>
    %155 = stablehlo.sqrt %121 : tensor<8x3xf32>
    %cst_48 = stablehlo.constant dense<9.99999993E-9> : tensor<f32>
    %156 = stablehlo.broadcast_in_dim %cst_48, dims = [] : (tensor<f32>) -> tensor<8x3xf32>
    %157 = stablehlo.add %155, %156 : tensor<8x3xf32>
    %158 = stablehlo.divide %154, %157 : tensor<8x3xf32>
    %159 = stablehlo.subtract %arg3, %158 : tensor<8x3xf32>
    %cst_49 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %160 = stablehlo.add %arg12, %cst_49 : tensor<f32>
    return %49, %135, %143, %151, %159, %82, %87, %92, %97, %103, %109, %115, %121, %160 : tensor<f32>, tensor<8xf32>, tensor<3xf32>, tensor<6x8xf32>, tensor<8x3xf32>, tensor<8xf32>, tensor<3xf32>, tensor<6x8xf32>, tensor<8x3xf32>, tensor<8xf32>, tensor<3xf32>, tensor<6x8xf32>, tensor<8x3xf32>, tensor<f32>
  }
  func.func private @take_along_axis(%arg0: tensor<7x3xf32>, %arg1: tensor<7x1xi32>) -> (tensor<7x1xf32>, tensor<7x1x1xi32>) {
    %c = stablehlo.constant dense<0> : tensor<i32>
    %0 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<7x1xi32>
    %1 = stablehlo.compare LT, %arg1, %0, SIGNED : (tensor<7x1xi32>, tensor<7x1xi32>) -> tensor<7x1xi1>
    %c_0 = stablehlo.constant dense<3> : tensor<i32>
    %2 = stablehlo.broadcast_in_dim %c_0, dims = [] : (tensor<i32>) -> tensor<7x1xi32>
    %3 = stablehlo.add %arg1, %2 : tensor<7x1xi32>
    %4 = stablehlo.select %1, %3, %arg1 : tensor<7x1xi1>, tensor<7x1xi32>
    %5 = stablehlo.reshape %4 : (tensor<7x1xi32>) -> tensor<7x1x1xi32>
    %c_1 = stablehlo.constant dense<2> : tensor<1xi32>
    %c_2 = stablehlo.constant dense<0> : tensor<i32>
    %6 = stablehlo.broadcast_in_dim %c_2, dims = [] : (tensor<i32>) -> tensor<7x1x1xi32>
    %7 = stablehlo.compare GE, %5, %6, SIGNED : (tensor<7x1x1xi32>, tensor<7x1x1xi32>) -> tensor<7x1x1xi1>
    %8 = stablehlo.broadcast_in_dim %c_1, dims = [2] : (tensor<1xi32>) -> tensor<1x1x1xi32>
    %9 = stablehlo.broadcast_in_dim %8, dims = [0, 1, 2] : (tensor<1x1x1xi32>) -> tensor<7x1x1xi32>
    %10 = stablehlo.compare LE, %5, %9, SIGNED : (tensor<7x1x1xi32>, tensor<7x1x1xi32>) -> tensor<7x1x1xi1>
    %11 = stablehlo.and %7, %10 : tensor<7x1x1xi1>
    %c_3 = stablehlo.constant dense<true> : tensor<i1>
    %12 = stablehlo.reduce(%11 init: %c_3) applies stablehlo.and across dimensions = [2] : (tensor<7x1x1xi1>, tensor<i1>) -> tensor<7x1xi1>
    %13 = "stablehlo.gather"(%arg0, %5) <{dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [1], operand_batching_dims = [0], start_indices_batching_dims = [0], start_index_map = [1], index_vector_dim = 2>, indices_are_sorted = false, slice_sizes = array<i64: 1, 1>}> : (tensor<7x3xf32>, tensor<7x1x1xi32>) -> tensor<7x1xf32>
    %cst = stablehlo.constant dense<0x7FC00000> : tensor<f32>
    %14 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<7x1xf32>
    %15 = stablehlo.select %12, %13, %14 : tensor<7x1xi1>, tensor<7x1xf32>
    return %15, %5 : tensor<7x1xf32>, tensor<7x1x1xi32>
  }
  func.func private @take_along_axis_0(%arg0: tensor<7x1x1xi32>, %arg1: tensor<7x1xf32>) -> tensor<7x3xf32> {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<7x3xf32>
    %1 = "stablehlo.scatter"(%0, %arg0, %arg1) <{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [1], input_batching_dims = [0], scatter_indices_batching_dims = [0], scatter_dims_to_operand_dims = [1], index_vector_dim = 2>, unique_indices = false}> ({
    ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
      %2 = stablehlo.add %arg2, %arg3 : tensor<f32>
      stablehlo.return %2 : tensor<f32>
    }) : (tensor<7x3xf32>, tensor<7x1x1xi32>, tensor<7x1xf32>) -> tensor<7x3xf32>
    return %1 : tensor<7x3xf32>
  }
}
