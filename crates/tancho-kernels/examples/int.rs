fn main() {
    use tancho_kernels::*;
    for ty in ElementType::ALL { for isa in Isa::available() {
        let k = matmul(ty, isa); let n = if isa == Isa::Portable && ty.size()>=4 && matches!(ty, ElementType::F32|ElementType::F64) {128} else {256}; let s = ty.size();
        let a = vec![0u64; n*n*s/8+8]; let mut b = vec![0u64; k.packed_rhs_len(n,n)*s/8+8]; let mut c = vec![0u64; n*n*s/8+8];
        #[repr(align(64))] #[derive(Clone)] struct L([u8;64]);
        let mut sc = vec![L([0;64]); k.scratch_len(n,n,n)/64+1];
        let m = Matrix{pointer:a.as_ptr().cast(),row_stride:n as isize,column_stride:1};
        let mut best = f64::MAX;
        for _ in 0..9 { let t = std::time::Instant::now(); unsafe { k.pack_rhs(0..k.rhs_panels(n), &m, n, n, b.as_mut_ptr().cast());
          let p = Problem{m:n,n,k:n,lhs:m,rhs:Rhs::Packed(b.as_ptr().cast()),out:c.as_mut_ptr().cast(),out_row_stride:n,epilogue:None};
          for t in 0..k.tile_count(n,n,n) { k.run_tile(t,&p,sc.as_mut_ptr().cast()); } } best = best.min(t.elapsed().as_secs_f64()); }
        println!("{ty:?} {isa:?} {:.1} Gop/s", 2.0*(n*n*n) as f64/best/1e9);
    } }
}
